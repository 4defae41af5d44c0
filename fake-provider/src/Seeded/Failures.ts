/** Failures of every meaning, in words, shapes and statuses that are put together from a seed. */
import * as Random from "../Random.ts"

export interface Failure {
  readonly status: number
  readonly body: unknown
  readonly headers: { readonly [name: string]: string }
  /** The reason that it means. */
  readonly means:
    | "ContextTooLong"
    | "RateLimited"
    | "QuotaExhausted"
    | "MalformedAnswer"
    | "Authentication"
    | "ContentRefused"
  /** Words of the provider that a person has to see. */
  readonly words: string
  /** How long it asks to wait, in milliseconds; undefined: it does not. */
  readonly retryAfterMillis: number | undefined
}

type Shape = (message: string, code: string, type: string, more: object) => unknown

/** Bodies of errors. */
const shapes: ReadonlyArray<Shape> = [
  (message, code, type, more) => ({ error: { message, code, type, ...more } }),
  (message, code, type, more) => ({ type: "error", error: { type, message, code, ...more } }),
  (message, code, _, more) => [{ error: { message, code, status: code.toUpperCase(), ...more } }],
  (message, code, type, more) => ({ object: "error", message, code, type, ...more }),
  (message, code, _, more) => ({ code, msg: message, success: false, ...more }),
  (message, code, _, more) => ({ detail: message, code, ...more }),
  (message, code, _, more) => ({ errors: [{ message, code, ...more }] }),
  (message, code, type, more) => ({
    error: {
      message: "Provider returned error",
      code: 400,
      metadata: { raw: JSON.stringify({ error: { message, code, type, ...more } }), provider_name: "p" }
    }
  }),
  (message, code, type, more) => ({ Response: { Error: { Message: message, Code: code, Type: type, ...more } } })
]

/** The failure of this seed; `now`: of the clock that dates in headers are compared with. */
export const failure = (seed: number, now: number): Failure => {
  const random = Random.of(seed)
  const make = random.one([tooLong, tooLong, limited, limited, outOfCredit, slip, badKey, filtered])
  return make(random, now)
}

const built = (
  random: Random.Random,
  {
    code = "invalid_request",
    message,
    more = {},
    type = "invalid_request_error",
    ...rest
  }: {
    readonly message: string
    readonly code?: string
    readonly type?: string
    readonly more?: object
  } & Pick<Failure, "status" | "means"> &
    Partial<Failure>
): Failure => ({
  headers: {},
  retryAfterMillis: undefined,
  words: message,
  ...rest,
  body: random.one(shapes)(message, code, type, more)
})

const tooLong = (random: Random.Random): Failure => {
  const most = random.one([4_096, 8_192, 32_768, 131_072, 200_000])
  const given = most + random.between(1, 50_000)
  const subject = random.one(["prompt", "input", "request", "conversation", "messages"])
  const window = random.one(["context window", "context length", "maximum context length", "context size"])
  const message = random.one([
    `This model's ${window} is ${most} tokens, but the ${subject} has ${given}.`,
    `The ${subject} is too long: ${given} tokens > ${most} maximum`,
    `${random.cased(subject)} length ${given} exceeds the model's limit of ${most}`,
    `the ${subject} (${given} tokens) exceeds the available ${window} (${most} tokens)`,
    `Please reduce the length of the ${subject}. Current length is ${given} while the limit is ${most}.`,
    `Too many tokens in the ${subject}: ${given} of ${most}`,
    `The input token count (${given}) exceeds the maximum number of tokens allowed (${most}).`,
    `length of prompt_tokens (${given}) must be less than max_seq_len (${most}).`,
    `Your ${subject} of ${given} tokens does not fit into the ${window} of ${most}.`,
    `${random.cased(subject)} tokens exceed the ${window}: ${given} > ${most}`
  ])
  const code = random.one(["invalid_request", "context_length_exceeded", "400", "bad_request"])
  return built(random, { status: random.one([400, 400, 413, 422, 500]), message, code, means: "ContextTooLong" })
}

const duration = (random: Random.Random): readonly [text: string, millis: number] => {
  const minutes = random.between(0, 3)
  const seconds = random.between(1, 59)
  const tenths = random.between(0, 9)
  const millis = minutes * 60_000 + seconds * 1_000 + tenths * 100
  return [`${minutes > 0 ? `${minutes}m` : ""}${seconds}.${tenths}s`, millis]
}

const limited = (random: Random.Random, now: number): Failure => {
  const [text, millis] = duration(random)
  const seconds = random.between(1, 90)
  const common = { status: 429, code: "rate_limit_exceeded", type: "tokens", means: "RateLimited" } as const
  const plain = random.one(["Rate limit reached for requests.", "Too many requests", "Slow down."])
  const name = (header: string) => random.cased(header)
  switch (random.between(0, 8)) {
    case 0:
      return built(random, {
        ...common,
        message: plain,
        headers: { [name("retry-after")]: `${seconds}` },
        retryAfterMillis: seconds * 1_000
      })
    case 1: {
      const headers = {
        [name("retry-after")]: new Date(now + seconds * 1_000).toUTCString(),
        date: new Date(now).toUTCString()
      }
      return built(random, { ...common, message: plain, headers, retryAfterMillis: seconds * 1_000 })
    }
    case 2:
      return built(random, {
        ...common,
        message: plain,
        headers: { [name("retry-after-ms")]: `${millis}` },
        retryAfterMillis: millis
      })
    case 3:
      return built(random, { ...common, message: `${plain} Please try again in ${text}.`, retryAfterMillis: millis })
    case 4:
      return built(random, {
        ...common,
        message: `${plain} Please retry after ${seconds} seconds.`,
        retryAfterMillis: seconds * 1_000
      })
    case 5: {
      const more = { details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${seconds}s` }] }
      return built(random, { ...common, message: plain, more, retryAfterMillis: seconds * 1_000 })
    }
    case 6: {
      const of = random.one(["requests", "tokens"])
      const headers = { [`x-ratelimit-remaining-${of}`]: "0", [`x-ratelimit-reset-${of}`]: text }
      return built(random, { ...common, message: plain, headers, retryAfterMillis: millis })
    }
    case 7:
      return built(random, {
        ...common,
        message: plain,
        more: { retry_after: seconds },
        retryAfterMillis: seconds * 1_000
      })
    default:
      return built(random, { ...common, message: plain })
  }
}

const outOfCredit = (random: Random.Random): Failure => {
  const message = random.one([
    "Insufficient balance, please recharge.",
    "Your credit balance is too low to access the API.",
    "You have no credits left: not enough credits for this request.",
    "Budget has been exceeded! Current cost: 10.5, Max budget: 10.0",
    "Your account has insufficient funds."
  ])
  return built(random, {
    status: random.one([400, 402, 403, 429]),
    message,
    code: "billing",
    type: "billing",
    means: "QuotaExhausted"
  })
}

const slip = (random: Random.Random): Failure => {
  const message = random.one([
    "Failed to call a function. Please adjust your prompt.",
    "error parsing tool call: raw='{', err=unexpected end of JSON input",
    "Failed to generate JSON. Please adjust your prompt.",
    "Model produced invalid sequence as part of ToolUse"
  ])
  return built(random, {
    status: random.one([400, 422, 500]),
    message,
    code: "tool_use_failed",
    means: "MalformedAnswer"
  })
}

const badKey = (random: Random.Random): Failure => {
  const message = random.one([
    "API key not valid. Please pass a valid API key.",
    "Incorrect API key provided.",
    "The API key is expired: renew it.",
    "Invalid api-key"
  ])
  return built(random, { status: random.one([400, 401, 403]), message, means: "Authentication" })
}

const filtered = (random: Random.Random): Failure => {
  const message = random.one([
    "The response was filtered due to the prompt triggering the content management policy.",
    "The request was rejected because it was considered high risk",
    "Output data may contain inappropriate content.",
    "Your request was blocked by our safety system."
  ])
  return built(random, {
    status: random.one([400, 403, 422]),
    message,
    code: "content_filter",
    means: "ContentRefused"
  })
}
