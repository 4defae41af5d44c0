/** Servers that are compatible with OpenAI, as they have been seen to answer. */
import { type Habits, openAi } from "./Habits.ts"

export interface Server {
  readonly name: string
  readonly habits: Habits
}

const gateway = (message: string, code: unknown = 400) => ({ status: 400, body: { error: { message, code } } })

const of = (name: string, habits: Partial<Habits>): Server => ({
  name,
  habits: { ...openAi, isStrict: false, ...habits }
})

export const servers: ReadonlyArray<Server> = [
  of("OpenAI", { isStrict: true }),
  of("Azure", {
    isStrict: true,
    refusesParameter: {
      has: (body) => "max_tokens" in body,
      message:
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    }
  }),
  of("DeepSeek", {
    thoughts: "reasoning_content",
    wantsThoughts: true,
    lacks: {
      json_schema: "This response_format type is unavailable now",
      tool_choice: "deepseek-reasoner does not support this tool_choice"
    }
  }),
  of("Gemini", {
    index: "zero",
    arguments: "text",
    signs: "calls",
    wantsSigned: true,
    finish: { stop: "STOP", calls: "stop" },
    refusal: (message) => ({ status: 400, body: [{ error: { code: 400, message, status: "INVALID_ARGUMENT" } }] })
  }),
  of("Groq", {
    thoughts: "reasoning",
    usage: "groq",
    isStrict: true,
    lacks: { json_schema: "This model does not support response format `json_schema`." }
  }),
  of("Mistral", {
    thoughts: "parts",
    content: "parts",
    ids: "nine",
    idForm: /^[A-Za-z0-9]{9}$/,
    isStrict: true,
    refusal: (message) => ({
      status: 400,
      body: { object: "error", message, type: "invalid_request_error", code: 3230 }
    })
  }),
  of("Kimi", { thoughts: "reasoning_content", wantsThoughts: true, ids: "dotted", usage: "choice" }),
  of("Qwen", {
    thoughts: "reasoning_content",
    arguments: "again",
    unfinished: "empty",
    lacks: {
      json_schema: "<400> InternalError.Algo.InvalidParameter: 'response_format.type' json_schema is not supported"
    },
    refusal: (message) => ({ status: 400, body: { request_id: "r", code: "InvalidParameter", message } })
  }),
  of("OpenRouter", {
    thoughts: "reasoning",
    signs: "details",
    wantsSigned: true,
    noise: true,
    finish: { stop: "end_turn", calls: "tool_use" },
    refusal: (message) => gateway("Provider returned error", { metadata: { raw: message } })
  }),
  of("LiteLLM in front of Bedrock", {
    thoughts: "reasoning_content",
    signs: "blocks",
    wantsSigned: true,
    usage: "none"
  }),
  of("Together", { finish: { stop: "eos", calls: "tool_calls" }, thoughts: "tags", unfinished: "empty", ids: "same" }),
  of("vLLM", {
    thoughts: "reasoning_content",
    repeatsIds: true,
    index: "absent",
    lacks: { stream_options: "stream_options is not supported by this engine" },
    refusal: (message) => ({
      status: 400,
      body: { object: "error", message, type: "BadRequestError", param: null, code: 400 }
    })
  }),
  of("llama.cpp", {
    thoughts: "late-tag",
    arguments: "object",
    ids: "none",
    usage: "timings",
    lacks: { json_schema: 'response_format type must be one of "text" or "json_object", but got: json_schema' },
    refusal: (message) => ({ status: 500, body: { error: { code: 500, message, type: "server_error" } } })
  }),
  of("LM Studio", {
    thoughts: "tags",
    content: "talkative",
    usage: "none",
    ids: "numbered",
    lacks: {
      json_schema: "'response_format.type' is not supported",
      tool_choice: "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
      json_object: "'response_format.type' must be 'json_schema' or 'text'"
    },
    refusal: (message) => ({ status: 400, body: { error: message } })
  }),
  of("Ollama", {
    thoughts: "reasoning",
    index: "zero",
    ids: "openai",
    arguments: "text",
    streamType: "Text/Event-Stream; charset=utf-8"
  }),
  of("Gemma behind a template", {
    content: "fenced",
    usage: "zeros",
    done: false,
    lacks: { system_role: "System role not supported", json_schema: "grammar is not supported" },
    refusal: (message) => ({
      status: 422,
      body: { detail: [{ loc: ["body", "messages"], msg: message, type: "value_error" }] }
    })
  })
]
