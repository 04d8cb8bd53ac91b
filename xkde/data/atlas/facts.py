"""What Atlas knows beyond CLDR, by hand: capitals, cities, governing parties.

The tables lie in ``assets/atlas/facts.toml``, with what each means. Names of anything
are not known here.
"""

import tomllib
from typing import Any

from xkde.paths import ATLAS

_FILE: dict[str, Any] = tomllib.loads((ATLAS / "facts.toml").read_text("utf-8"))

CAPITALS: dict[str, str] = _FILE["capital"]
CITY_COUNTRIES: dict[str, str] = _FILE["city_country"]
CURRENCIES: dict[str, str] = _FILE["currency"]
LANGUAGES: dict[str, str] = _FILE["language"]
PARTIES: dict[str, str] = _FILE["party"]
CONTINENTS: dict[str, str] = _FILE["continent"]
ZONE_CONTINENTS: dict[str, str] = _FILE["zone_continent"]
SOUTH_AMERICA = frozenset[str](_FILE["south_america"])
NO_COUNTRIES = frozenset[str](_FILE["no_countries"])
CITY_AREAS = frozenset[str](_FILE["city_areas"])
ISLAND_CITIES = frozenset[str](_FILE["island_cities"])
LEFT_OUT_CITIES = frozenset[str](_FILE["left_out_cities"])
ENGLISH_ARTICLE = frozenset(f"territory/{code}" for code in _FILE["english_article"])
SHOWN: tuple[str, ...] = tuple(_FILE["shown"])
