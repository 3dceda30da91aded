"""What is wrong with a text that a person has written, in words that follow its name; '' where nothing is."""

import re
from ipaddress import ip_network
from urllib.parse import urlsplit

from swarmstead.kernel.money import micros_from_usd

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def no_name(text: str) -> str:
    """Why the text is no name of a resource or of an owner."""
    good = "must be lower-case letters, digits and dashes, at most 63, and begin and end with no dash"
    return "" if _NAME.fullmatch(text) else good


def no_amount(text: str) -> str:
    """Why the text is no amount of US dollars."""
    try:
        micros_from_usd(text)
    except ValueError as error:
        return str(error)
    return ""


def no_web_address(text: str) -> str:
    """Why the text, if there is any, is no web address."""
    good = text.startswith(("http://", "https://")) and is_address(text) and urlsplit(text).hostname
    return "" if good or not text else "must be http:// or https:// and a host, such as https://stead.example.org"


def no_networks(text: str) -> str:
    """Why the text is no list of addresses and networks; an empty one is fine."""
    try:
        for part in text.split(",") if text else ():
            ip_network(part.strip())
    except ValueError as error:
        return f"must be addresses or networks, separated by commas: {error}"
    return ""


def is_address(text: str) -> bool:
    """Whether host and port can be told apart. Says no more: what is wrong may be a part of a password."""
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False
