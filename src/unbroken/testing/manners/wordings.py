"""What models were seen to say instead of going on, before it and after it, in words of this project's own."""

from __future__ import annotations

from typing import Final

__all__ = [
    "APOLOGIES",
    "APOLOGIES_IN_FRONT",
    "COMPLETE",
    "INSTRUCTIONS",
    "LEAD_INS",
    "OTHER_WORDS",
    "PROMISES",
    "REFUSALS",
]

#: What a model says before it goes on: a line of at most 80 characters that ends in a colon, or an ellipsis.
LEAD_INS: Final = (
    "Sure, here is the rest:\n\n",
    "Continuing from where I left off:\n\n",
    "Of course! Picking up right where the connection dropped:\n\n",
    "Here's the continuation:\n\n",
    "**Continued:**\n\n",
    "Continuing:\n",
    "...",
    "…",
    "... ",
    "… ",
)

#: What a model says that takes the request for a complaint; and that is all it says.
APOLOGIES: Final = (
    "I'm sorry for the confusion, but I'm here to help you with your questions. Please go ahead and ask.",
    "I'm sorry for the confusion. I'll make sure to keep the last words exactly as they are.",
    "I apologize for the confusion. I apologize for the misunderstanding.",
    "I'm sorry for any inconvenience, but as of now I don't see what is missing. Please try again later.",
    "I'm sorry for the inconvenience. I'll do my best to assist you with the rest of your text.",
    "Sorry about that! It seems that something went wrong with my last message.",
)

#: An apology after which a model does go on.
APOLOGIES_IN_FRONT: Final = (
    "I'm sorry for the confusion.\n\n",
    "I apologize for the interruption. ",
    "Sorry about that! Here is the rest of my answer:\n\n",
    "I'm sorry that the connection was lost. I'll go on from there.\n\n",
)

#: A refusal in text, which the API's `stop_reason` says nothing of.
REFUSALS: Final = (
    "I'm unable to repeat the last words of a response.",
    "I'm sorry, but I'm unable to assist with that request.",
    "I'm sorry for the confusion, but I'm unable to repeat the last words of your message. Is there anything else?",
    "I'm not able to go on with a text that I did not write. Please send me all of it.",
    "Your request is not possible.",
    "I can't continue from a partial message. If you tell me what you need, I'll be happy to write it again.",
)

#: What a model says that takes the half for the whole.
COMPLETE: Final = (
    "My answer was already complete.",
    "This is a complete response.",
    "The answer above was already complete, so there is nothing to add.",
    "My previous message had reached its end. Let me know if you would like anything else!",
    "It was complete.",
    "I had already finished my answer, and I will not continue.",
)

#: What a model says that only announces the rest.
PROMISES: Final = (
    "Sure, I'll continue:",
    "Of course! I'll pick up right where I left off.",
    "I'll go straight on with what comes next, as one seamless text.",
    "Sure, here is the rest of my answer.",
    "Continuing from where the connection dropped:\n",
    "Let me continue with the remaining part of the answer now.",
)

#: What is recited where the request's own words are not known.
INSTRUCTIONS: Final = (
    "Please repeat the last words exactly as they stand, and then go straight on with what comes next.",
    "Your message was cut off. Repeat its last words, and go on from there without an introduction.",
    "Your previous response was interrupted. Continue from where you left off.",
)

#: How an answer goes on that departs from the first one: sentences in any order.
OTHER_WORDS: Final = (
    "It is a subject of which much has been written, and more has been forgotten.",
    "In other words, the same thing can be said in more than one way.",
    "This is a natural part of how it works.",
    "There are several points that have to be kept in mind.",
    "To put it simply, one step follows after the other.",
    "Most people will find that it depends on what they need.",
    "Let us look at each of the parts in turn.",
)
