"""What the model is asked: forty prompts, of the kinds of text that a joint may meet."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["PROMPTS", "QUICK", "Prompt"]


class Prompt(NamedTuple):
    """A kind of text, and what asks for it."""

    kind: str
    text: str


PROMPTS: Final = (
    Prompt("prose", "Explain in two paragraphs why the sky is blue."),
    Prompt("prose", "Describe a busy market in the early morning, in rich detail."),
    Prompt("prose", "Summarise the causes of the First World War in one paragraph."),
    Prompt("prose", "Write a letter to a landlord asking to have the broken heating repaired."),
    Prompt("prose", "What is the difference between a virus and a bacterium? Answer in prose."),
    Prompt("prose", "Tell the story of a lighthouse keeper who finds a message in a bottle."),
    Prompt("dialogue", "Write a dialogue between a doctor and a patient who cannot sleep."),
    Prompt("dialogue", "Write a conversation between two neighbours about a noisy dog."),
    Prompt("dialogue", "Write a short scene of a play in which a waiter brings the wrong dish."),
    Prompt("list", "Give me a bullet list of things to pack for a week in the mountains."),
    Prompt("list", "List the planets of the solar system with one fact about each."),
    Prompt("list", "Write a step-by-step recipe for pancakes with ingredients and numbered steps."),
    Prompt("list", "Make a nested Markdown list of fruits and vegetables, with two varieties each."),
    Prompt("markdown", "Write a Markdown guide with headings and short sections: how to plant a tree."),
    Prompt(
        "markdown", "Write a README in Markdown for a command-line tool named `tidy` that sorts files into folders."
    ),
    Prompt("markdown", "Write meeting notes in Markdown with the headings Attendees, Decisions and Actions."),
    Prompt("code", "Write a Python class for a stack with push, pop and peek."),
    Prompt("code", "Write a JavaScript function that debounces another function, with comments."),
    Prompt("code", "Write a C program that prints the first ten Fibonacci numbers."),
    Prompt("code", "Write an HTML page with a form for a name and an e-mail address."),
    Prompt("json", "Return a JSON array of four books with title, author and year. Only JSON."),
    Prompt("json", "Return a JSON object that describes a person with name, age, address and a list of hobbies."),
    Prompt("json", "Write a JSON config file for a web server with host, port, logging and three routes."),
    Prompt("yaml", "Write a YAML file for a GitHub Actions workflow that runs pytest on push."),
    Prompt("yaml", "Write a docker-compose YAML file with a web server and a database."),
    Prompt("table", "Make a Markdown table of five countries with capital, population and language."),
    Prompt("table", "Make a Markdown table of a weekly workout plan."),
    Prompt("french", "Raconte une courte histoire d'un chat qui voyage à Paris."),
    Prompt("french", "Donne une recette simple de crêpes."),
    Prompt("spanish", "Explica en un párrafo cómo se hace el pan."),
    Prompt("spanish", "Escribe una carta corta a una amiga que vive lejos."),
    Prompt("german", "Beschreibe in einigen Sätzen die Stadt Berlin."),
    Prompt("german", "Erkläre kurz, wie eine Waschmaschine funktioniert."),
    Prompt("russian", "Напиши несколько предложений о зиме в России."),
    Prompt("russian", "Расскажи короткую сказку о лисе и медведе."),
    Prompt("maths", "A train travels 180 km in 2.5 hours. What is its average speed? Show the steps."),
    Prompt("maths", "Solve 3x + 7 = 22 and explain each step."),
    Prompt("quotes", "Write a short news report with two quotations from eyewitnesses about a fire in a bakery."),
    Prompt("quotes", "Give five famous quotations about courage, with their authors."),
    Prompt("short", "What is the capital of Australia? Answer in one sentence and give one reason why."),
)

#: One of each of the kinds that differ most, for a look in a minute or two.
QUICK: Final = tuple(
    next(prompt for prompt in PROMPTS if prompt.kind == kind) for kind in ("prose", "list", "code", "json", "french")
)
