"""The fakes speak the true formats: the providers' own SDKs read them, streamed and whole."""

from typing import Any

from anthropic import AsyncAnthropic
from google import genai
from google.genai.types import HttpOptions
from openai import AsyncOpenAI
from pydantic_ai.models import create_async_httpx2_client

from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, Call
from tests.fakes.openai import OpenAIServer

ANSWER = Answer("Looking into it.", (Call("c1", "git__log", {"n": 3}),), cached_tokens=20)


async def test_openai_whole_and_streamed() -> None:
    async with OpenAIServer() as server, AsyncOpenAI(api_key=KEY, base_url=server.base_url, max_retries=0) as sdk:
        server.plan(ANSWER, ANSWER)
        whole = await sdk.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": "hi"}])
        assert whole.choices[0].finish_reason == "tool_calls"
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (120, 30)
        async with sdk.chat.completions.stream(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "hi"}], stream_options={"include_usage": True}
        ) as stream:
            streamed = await stream.get_final_completion()
        assert streamed.usage == whole.usage
        for message in (whole.choices[0].message, streamed.choices[0].message):
            assert message.content == ANSWER.text
            assert message.tool_calls is not None
            call = message.tool_calls[0]
            assert call.type == "function"
            assert (call.id, call.function.name, call.function.arguments) == ("c1", "git__log", '{"n": 3}')


async def test_anthropic_whole_and_streamed() -> None:
    async with AnthropicServer() as server, AsyncAnthropic(api_key=KEY, base_url=server.base_url, max_retries=0) as sdk:
        server.plan(ANSWER, ANSWER)
        whole = await sdk.messages.create(
            model="claude-haiku-5-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]
        )
        async with sdk.messages.stream(
            model="claude-haiku-5-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]
        ) as stream:
            streamed = await stream.get_final_message()
        for message in (whole, streamed):
            said, call = message.content
            assert said.type == "text"
            assert said.text == ANSWER.text
            assert call.type == "tool_use"
            assert (call.id, call.name, call.input) == ("c1", "git__log", {"n": 3})
        assert streamed.stop_reason == whole.stop_reason == "tool_use"
        assert (streamed.usage.input_tokens, streamed.usage.cache_read_input_tokens) == (100, 20)


async def test_google_whole_and_streamed() -> None:
    async with GoogleServer() as server:
        server.plan(ANSWER, ANSWER)
        async with create_async_httpx2_client() as http:
            options = HttpOptions(base_url=server.base_url, httpx_async_client=http)
            models: Any = genai.Client(api_key=KEY, http_options=options).aio.models
            whole = await models.generate_content(model="gemini-2.5-flash", contents="hi")
            stream = await models.generate_content_stream(model="gemini-2.5-flash", contents="hi")
            chunks: list[Any] = [chunk async for chunk in stream]
        streamed: list[Any] = [part for chunk in chunks for part in list[Any](chunk.parts or [])]
        for parts in (list[Any](whole.parts or []), streamed):
            assert "".join(part.text or "" for part in parts) == ANSWER.text
            assert [part.function_call.args for part in parts if part.function_call] == [{"n": 3}]
        assert chunks[-1].usage_metadata == whole.usage_metadata
