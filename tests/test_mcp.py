"""An agent finds the four endpoints as tools and uses them, by the official client.

Gradio's server needs mcp 1; where another version is installed this is skipped.
"""

import asyncio
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, two_models
from xkde.bench.app import Served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not version("mcp").startswith("1."), reason="no mcp 1 here: make install"
    ),
]
ASKED = {
    "question": "What is the capital of Japan?", "answer": "Osaka", "language": "en",
    "query": "日本的首都是哪里？", "query_language": "zh",
}  # fmt: skip


@pytest.fixture(scope="module")
def offered(
    atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = two_models(atlas_folder, tmp_path_factory.mktemp("app"))
    with running(folder, XKDE_MCP="1") as served:
        yield served


async def used(address: str) -> tuple[dict[str, Any], list[Any]]:
    from mcp import ClientSession  # noqa: PLC0415
    from mcp.client.streamable_http import streamablehttp_client  # noqa: PLC0415

    async with (
        streamablehttp_client(address) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        given = [
            await session.call_tool("ask", ASKED),
            await session.call_tool(
                "search_pairs", {"text": "", "direction": "en-zh", "limit": 2}
            ),
            await session.call_tool("ask", {**ASKED, "language": "klingon"}),
        ]
    return tools, given


def test_an_agent_asks(offered: Served) -> None:
    tools, given = asyncio.run(used(offered.url + "gradio_api/mcp/"))
    assert set(tools) == {"ask", "ask_all", "evaluate_case", "search_pairs"}
    schema = tools["ask"].inputSchema
    assert set(schema["required"]) == set(ASKED)
    assert "ISO 639-1" in schema["properties"]["language"]["description"]
    asked, found, refused = given
    assert not asked.isError
    assert "atlas-base" in asked.content[0].text
    assert "en→zh" in json.dumps(found.content[0].text, ensure_ascii=False)
    assert refused.isError
    assert "not offered" in refused.content[0].text
