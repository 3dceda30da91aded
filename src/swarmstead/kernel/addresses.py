"""What is wrong with an address that an operator has written: '' where it is good."""

from ipaddress import ip_network
from urllib.parse import urlsplit


def no_web_address(text: str) -> str:
    """Of `http://…` and `https://…`. None at all is good."""
    good = text.startswith(("http://", "https://")) and is_address(text) and urlsplit(text).hostname
    return "" if good or not text else "must be http:// or https:// and a host, such as https://stead.example.org"


def no_collector(text: str) -> str:
    """As `no_web_address`, of one that may hold no secret: it stands in logs of whoever listens there."""
    if any(mark in text for mark in "@?#"):
        return "must hold no user, no password and no parameters; put secrets into otlp_headers"
    return no_web_address(text)


def no_networks(text: str) -> str:
    """Of addresses and networks, separated by commas."""
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
