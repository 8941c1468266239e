"""Where a continuation joins the text that was received."""
