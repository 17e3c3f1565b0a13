"""Invented people: names in several scripts, ASCII mail addresses, and the offices where they work."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

_FIRST_NAMES = """
    Mara Teo Inés Ravi Ola Zoë Łukasz Jürgen Søren Chloé Aïcha Björn Dámaso Elif Fernanda Günay Håkon Ioana
    José Katarína Léa Małgorzata Nuño Ørjan Petra Quentin Réka Šárka Tomáš Ülle Věra Wanjiru Ximena Yağmur
    Žana Amina Bruno Camila Darius Emeka Freya Giulia Hannah Ivo Joana Kwame Leila Mateus Noor Otto Priya
    Rasmus Sofia Thiago Uma Viktor Wei Yuki Aoife Bilal Carmen Dries Eszter Farid Greta Hugo
"""

_LAST_NAMES = """
    Lindqvist Varga Okafor Menon Berg Müller Nowak Šimić García Peña Østergård Åkesson Şahin Çelik Dvořák
    Gonçalves Häkkinen Ibáñez Jørgensen Kovács Lefèvre Mäkelä Núñez O'Brien Papadopoulos Quispe Rossi
    Sørensen Tănase Uribe Vũ Weiß Ximénez Yamada Žukauskas Andersson Bianchi Costa Dubois Eriksen Fischer
    Grönlund Horvat Ivanova Janssen Kaya Larsen Moreau Ngata Oliveira Petrov Rahman Silva Tamm Umarov
    Visser Wójcik Adeyemi Bakker Castillo Demir Engström Fekete Gruber Haddad
"""

_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()

# Names that cannot be folded into ASCII, with the local part of their mail addresses.
_OTHER_SCRIPTS = (
    ("李娜", "li.na"),
    ("山田太郎", "taro.yamada"),
    ("Мария Соколова", "maria.sokolova"),
    ("Ελένη Νικολάου", "eleni.nikolaou"),
    ("נועה לוי", "noa.levi"),
    ("سارة حداد", "sara.haddad"),
)

_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "đ": "d", "'": ""} | {"\u0131": "i"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """An office: time zone, offset in winter, and the locale and currency of its users."""

    timezone_name: str
    timezone_offset: str
    locale: str
    currency: str


PLACES = (
    Place("Europe/Tallinn", "+02:00", "et_EE", "EUR"),
    Place("Europe/Lisbon", "+00:00", "pt_PT", "EUR"),
    Place("Europe/Berlin", "+01:00", "de_DE", "EUR"),
    Place("Europe/London", "+00:00", "en_GB", "GBP"),
    Place("America/New_York", "-05:00", "en_US", "USD"),
    Place("America/Sao_Paulo", "-03:00", "pt_BR", "BRL"),
    Place("Asia/Tokyo", "+09:00", "ja_JP", "JPY"),
)


def ascii_of(text: str) -> str:
    """Return the spelling of `text` in a mail address, in lower case."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(letter for letter in folded if letter.isascii()).lower()


class Directory:
    """Creates people: pairs of a name and a unique mail address."""

    def __init__(self, rng: random.Random, domain: str) -> None:
        self._rng = rng
        self._domain = domain
        self._taken: dict[str, int] = {}

    def hire(self) -> tuple[str, str]:
        """Return the name and the mail address of another person."""
        rng = self._rng
        if rng.random() < 0.02:
            name, local = rng.choice(_OTHER_SCRIPTS)
        else:
            first, last = rng.choice(_FIRST), rng.choice(_LAST)
            name, local = f"{first} {last}", f"{ascii_of(first)}.{ascii_of(last)}"
        namesakes = self._taken.get(local, 0) + 1
        self._taken[local] = namesakes
        if namesakes > 1:
            local = f"{local}{namesakes}"
        # A few addresses have capitals, as in real companies.
        shown = local.title() if rng.random() < 0.02 else local
        return name, f"{shown}@{self._domain}"
