"""Examples to begin with: what one may say to an assistant at home. Our own sentences, free for any use (CC0)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

FILE = "assistant.jsonl"
TITLE = "Assistant: what one says at home, 300 sentences of five intents with entities"
LICENCE = "CC0 1.0"
_EACH = 65

# Slots of sentences, with the label of what fills them. A `day` is a time too, but nobody asks for the weather at 7:30.
_LABELS = {"time": "time", "day": "time", "place": "place", "room": "room", "music": "music"}
_VALUES = {
    "time": """at seven in the morning | at half past six | tomorrow at eight | at 7:30 | at noon |
        on Friday at 6 am | in ten minutes | at a quarter to nine | on Monday morning | before sunrise | at 5 pm |
        next Tuesday at nine | at midnight | in two hours | at 22:15 | when the news begin | every day at six |
        in half an hour | on the first of May at ten | at twenty past three | an hour before lunch | at 4 |
        on Wednesday at 9:45 | five minutes before eleven | tomorrow night at one | in forty minutes |
        on weekdays at 5:50 | at sunset | at ten to seven | this evening at 19:00 | on the last day of March |
        at eight sharp | in three quarters of an hour | on Sunday after breakfast | at a quarter past two |
        when school is over | at 13:05 | in a minute | on Saturday at eleven | at dawn""",
    "day": """tomorrow | tonight | on Friday | this weekend | next week | this afternoon | on Monday evening |
        over Easter | in the next hours | today | the day after tomorrow | on the third of June | later |
        until Sunday | in the morning | at Christmas | around noon | on Thursday and Friday | all week |
        after dinner | on my birthday | between ten and twelve | this month | in November | on the way home |
        during the match | from Tuesday on | before the guests come | in summer | at night | the whole day |
        early on Saturday | in a fortnight | on New Year's Eve | in the evening""",
    "place": """Hamburg | Buenos Aires | on the coast | Oslo | New York | my home town | Kyoto | the mountains |
        Cape Town | Leeds | São Paulo | Lake Garda | Nairobi | the Black Forest | Saint John's | here | Montréal |
        the north of Spain | Wellington | downtown Chicago | Reading | Nice | at my mother's | Bath | Lisbon |
        the Isle of Skye | Ulan Bator | Perth | the Rhine valley | Zürich | Addis Ababa | Santa Fe |
        southern Italy | Tromsø | Phoenix | the old harbour | Kuala Lumpur | Mobile | the beach | Aix | Sofia |
        Lake Titicaca | Victoria | the island | Split | Cork""",
    "room": """kitchen | living room | hall | bedroom | bathroom | office | garden | children's room | garage |
        upstairs corridor | cellar | guest room | attic | workshop | dining room | Lena's room | staircase |
        pantry | winter garden | music room | porch | upper bathroom | nursery | laundry | library |
        grandma's room | hobby cellar | entrance | terrace | small office | gym | tool shed | dressing room |
        balcony | twins' bedroom | breakfast corner""",
    "music": """jazz | something calm | Vivaldi | my running list | old tango songs | the Goldberg Variations |
        a podcast about space | drum and bass | rain sounds | the radio news | Clara Schumann | loud rock music |
        a bedtime story | Morning Mood | Kitchen Blues | the weather song | Lights Out | songs for a long night |
        New York at Night | Friday on My Mind | birdsong | the Hamburg Suite | music from Nairobi |
        the alarm call mix | the second Brandenburg Concerto | French chansons | piano music |
        Paint the Garage Black | whale song | my sister's list | Fanny Mendelssohn | this week's charts |
        Snow in Oslo | hits of the eighties | a crime story | the Rainy Day Band | flamenco | Good Morning Cellar |
        swing | that song by the Lamplighters | Bach | football live | cello suites | techno | the Office Choir |
        polka""",
}

_SENTENCES = {
    "set_alarm": """wake me up {time} | Set an alarm {time}. | I have to get up {time} | can you ring me {time}? |
        please let it ring {time} | Alarm {time} in the {room}, please | make sure that I am awake {time} |
        I need to be called {time} | move my alarm, I want it {time} | cancel the alarm {time} |
        Is there an alarm {time}? | don't let me sleep on, get me out of bed {time} |
        remind me {time} to call my sister | wake me {time} with {music} | {time} I have to leave, tell me then |
        ring in the {room} {time}""",
    "get_weather": """what will the weather be like in {place} {day} | Will it rain {day}? | is it cold in {place} |
        Do I need an umbrella in {place} {day}? | how warm does it get {day} | forecast for {place} |
        Tell me whether the sun shines in {place} {day}. | snow in {place} {day}? | how windy is it in {place} |
        does it freeze {day} in {place} | should I take a coat {day} | what is the temperature in {place} now |
        Any storm over {place} {day}? | {place}, {day}: dry or wet? | is it bright outside {day} |
        can we sit in the garden {day} without getting wet""",
    "control_lights": """turn on the lights in the {room} | Switch the {room} lamp off, please. |
        make it darker in the {room} | it is too bright in the {room} | lights off in the {room} {time} |
        dim the {room} to thirty per cent | I want red light in the {room} | leave the lamp in the {room} on {day} |
        could you light up the {room}? | is the light in the {room} still on | all lamps off but the {room} |
        the {room} should be a little brighter | switch on the {room} {time} | warm white in the {room} {day} |
        no light in {room} and {room} {day} | I cannot see anything in the {room}""",
    "play_music": """play {music} | I would like to hear {music} in the {room} | put {music} on |
        Can you play {music} {time}? | start {music} in the {room}, please | some {music} would be nice |
        turn {music} up in the {room} | stop {music} in the {room} | play {music} again | go on with {music} {day} |
        let's dance to {music} | no more {music}, please | what about {music} for the {room}? | switch on {music} |
        I want {music} in the {room} {time} | make {music} louder""",
}

_SMALL_TALK = """hello there | Good morning! | how are you doing today | thanks a lot | Thank you, that was kind. |
    who made you | tell me a joke about the weather | What is your name? | you are funny | good night and sleep well |
    I am a little sad today | do you like jazz | never mind | that was wrong, but all right | See you tomorrow! |
    are you a robot | I am bored | what can you do for me | How old are you? | you did well |
    my day in the office was long | do you ever sleep at night | say something nice | hi, it's me again |
    I did not mean that | can we just talk | Who is your best friend? | that makes no sense | no, just kidding |
    have you been to New York | bye for now | are you listening | I love talking with you |
    what do you think about people | sorry, my mistake | you are not very helpful | I am alone in the kitchen |
    nice to meet you | Is anybody there? | that is all for tonight, thanks"""

_SLOT = re.compile(r"\{(\w+)\}")


def assistant_examples() -> list[dict[str, Any]]:
    """Three hundred examples `{text, intent, entities}`, always the same ones."""
    found = []
    for intent, text in _SENTENCES.items():
        sentences = _several(text)
        found += [_filled(sentences[number % len(sentences)], number, intent) for number in range(_EACH)]
    return found + [{"text": text, "intent": "small_talk", "entities": []} for text in _several(_SMALL_TALK)]


def write_assistant(folder: Path) -> dict[str, str]:
    """Write the examples into `folder`, and say what they are, as `write_sample_sets` does."""
    lines = [msgspec.json.encode(example) for example in assistant_examples()]
    (folder / FILE).write_bytes(b"\n".join(lines) + b"\n")
    return {"file": FILE, "title": TITLE, "source": "written for pulsetrain", "licence": LICENCE}


def _several(text: str) -> list[str]:
    return [" ".join(one.split()) for one in text.split("|")]


def _filled(sentence: str, number: int, intent: str) -> dict[str, Any]:
    """The sentence with values of its slots; other numbers take other values."""
    text, entities = "", []
    for place, part in enumerate(_SLOT.split(sentence)):
        if place % 2 == 0:
            text += part
            continue
        values = _several(_VALUES[part])
        value = values[(7 * number + number // len(values) + place) % len(values)]
        entities.append({"start": len(text), "end": len(text) + len(value), "label": _LABELS[part]})
        text += value
    return {"text": text[:1].upper() + text[1:] if number % 4 == 0 else text, "intent": intent, "entities": entities}
