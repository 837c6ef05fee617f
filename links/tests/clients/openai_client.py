"""The Python package `openai` as a user of a model: `python openai_client.py URL` reads the names of requests, one a line, and
writes a line for each: what its caller got, ` | `, and how long it waited before each retry."""

import json
import logging
import sys

import openai
import pydantic


class weather(pydantic.BaseModel):
    city: str


class Waits(logging.Handler):
    """The client says how long it waits; nobody has to measure it."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.seconds = []

    def emit(self, record):
        if str(record.msg).startswith("Retrying request in"):
            self.seconds.append(record.args[0])

    def told(self):
        told = ", ".join(self.name_of(number, seconds) for number, seconds in enumerate(self.seconds))
        self.seconds = []
        return told or "none"

    @staticmethod
    def name_of(number, seconds):
        most = 0.5 * 2**number
        return "%g s less up to a quarter" % most if 0.75 * most <= seconds < most else "%g s" % seconds


waits = Waits()
logging.getLogger("openai").addHandler(waits)
logging.getLogger("openai").setLevel(logging.INFO)

client = openai.OpenAI(base_url=sys.argv[1], api_key="none")
impatient = client.with_options(timeout=1, max_retries=1)
MESSAGES = [{"role": "user", "content": "Hi"}]
FUNCTION = {"name": "weather", "parameters": weather.model_json_schema()}
TOOLS = [{"type": "function", "function": FUNCTION}]
TYPED = [openai.pydantic_function_tool(weather)]


def ask(of, **options):
    return of.chat.completions.create(model="fake", messages=MESSAGES, **options)


def said(completion):
    """What a caller does with an answer."""
    message = completion.choices[0].message
    for call in message.tool_calls or []:
        return "calls %s with %s" % (call.function.name, json.loads(call.function.arguments))
    return "says %s" % message.content


def streamed(of, **options):
    text, arguments, name, chunks = "", "", None, 0
    try:
        for chunk in ask(of, stream=True, **options):
            chunks += 1
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    name = call.function.name or name
                    arguments += call.function.arguments or ""
    except openai.OpenAIError as error:
        return "%s after %d chunks" % (told(error), chunks)
    if name:
        return "calls %s with %s" % (name, json.loads(arguments))
    return "says %s" % text if text else "says nothing in %d chunks" % chunks


def helped():
    """The package's own reader of streams."""
    with client.chat.completions.stream(model="fake", messages=MESSAGES, tools=TYPED) as stream:
        return said(stream.get_final_completion())


def told(error):
    name = type(error).__name__
    if isinstance(error, openai.APIStatusError):
        return "%s %d %s" % (name, error.status_code, error.code)
    return name


REQUESTS = {
    "complete": lambda: said(ask(client)),
    "complete, 1 s": lambda: said(ask(impatient)),
    "stream": lambda: streamed(client),
    "stream, 1 s": lambda: streamed(impatient),
    "complete, tools": lambda: said(ask(client, tools=TOOLS)),
    "stream, tools": lambda: streamed(client, tools=TOOLS),
    "parse, tools": lambda: said(client.chat.completions.parse(model="fake", messages=MESSAGES, tools=TYPED)),
    "stream helper, tools": helped,
}

for line in sys.stdin:
    try:
        got = REQUESTS[line.strip()]()
    except Exception as error:
        got = told(error)
    print("%s | %s" % (got, waits.told()), flush=True)
