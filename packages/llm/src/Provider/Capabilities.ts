/**
 * The request features that a server supports. Without a declaration, requests use the features of
 * OpenAI or Anthropic; a feature that the server refuses once is remembered for that model and not
 * sent again.
 */

/** Named after the fields of a request. */
export const features = [
  // Output of a schema by `response_format`, `text.format` or `output_config`.
  "json_schema",
  // Output of any JSON by `response_format`.
  "json_object",
  // Functions.
  "tools",
  // Requires a call of a certain tool, or of any tool.
  "tool_choice",
  // Usage at the end of a stream.
  "stream_options",
  // Messages of the role `system`; without it they precede the first message of the user.
  "system_role",
  // The length of an answer as `max_tokens`; without it as `max_completion_tokens`.
  "max_tokens",
  // Opaque fields that the server sent with an answer, returned with it.
  "opaque_fields",
  // Ids of calls in any form; without it nine letters or digits, as Mistral takes them.
  "call_ids",
  // Calls made by another server, without this server's signatures; without it they carry the
  // placeholder that Gemini accepts as one.
  "unsigned_calls",
  // Calls made by another server, without thoughts; without it they carry the thoughts in any
  // wording.
  "thoughtless_calls",
  // Marks for a cache of prompts.
  "cache_control",
  // Options of the model: reasoning models support fewer of them.
  "temperature",
  "top_p",
  "seed",
  "stop"
] as const

export type Feature = (typeof features)[number]

/** `false`: never sent; `true`: sent even after a refusal. */
export type Capabilities = { readonly [F in Feature]?: boolean }

/** Parses `json_schema=false, tools=true`; returns an invalid entry as a string. */
export const parse = (text: string): Capabilities | string => {
  const capabilities: { [F in Feature]?: boolean } = {}
  for (const entry of text.split(",").map((each) => each.trim())) {
    if (entry === "") continue
    const [, name, value] = /^([a-z_]+)\s*=\s*(true|false)$/.exec(entry) ?? []
    const feature = features.find((each) => each === name)
    if (feature === undefined) return entry
    capabilities[feature] = value === "true"
  }
  return capabilities
}

/** Features that some servers are known not to support. */
const known: ReadonlyArray<readonly [host: RegExp, lacks: ReadonlyArray<Feature>]> = [
  [/(^|\.)deepseek\.com$/, ["json_schema", "thoughtless_calls"]],
  [/(^|\.)moonshot\.(ai|cn)$/, ["thoughtless_calls"]],
  [/(^|\.)generativelanguage\.googleapis\.com$/, ["unsigned_calls"]],
  [/(^|\.)mistral\.ai$/, ["call_ids", "opaque_fields"]],
  [/(^|\.)(groq\.com|cerebras\.ai)$/, ["opaque_fields"]]
]

/** Known capabilities of one server. */
export interface Known {
  /** Features that are not sent to this model. */
  readonly lacking: (model: string) => ReadonlySet<Feature>
  readonly learn: (model: string, lacking: ReadonlySet<Feature>) => void
  /** Whether the configuration does not declare it. */
  readonly isOpen: (feature: Feature) => boolean
}

export const make = (baseURL: string, declared: Capabilities = {}): Known => {
  const host = URL.parse(baseURL)?.hostname ?? ""
  const lacks = new Set(known.flatMap(([pattern, lacking]) => (pattern.test(host) ? lacking : [])))
  for (const feature of features) {
    if (declared[feature] === false) lacks.add(feature)
    if (declared[feature] === true) lacks.delete(feature)
  }
  const learned = new Map<string, ReadonlySet<Feature>>()
  return {
    lacking: (model) => learned.get(model) ?? lacks,
    learn: (model, lacking) => {
      if (learned.size < 1_000) learned.set(model, lacking)
    },
    isOpen: (feature) => declared[feature] === undefined
  }
}

// --- refusals
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Features of a request that a refusal can refer to. `outputTool`: the tool whose arguments are the
 * answer; tools of the task cannot be omitted.
 */
export type Sent = { readonly [F in Feature | "outputTool"]?: boolean }

const ofFormat =
  /response[_ ]?format|json[_ -]?schema|json[_ -]?object|json[_ -]?mode|structured[_ -]?outputs?|guided|grammar|mime ?type|text\.format|output[_ ]?config|output[_ ]?format/i

/** Matches refusals of an option as such, not of its value. */
function ofOption(name: string): RegExp {
  const quoted = `[\`'"]?${name}[\`'"]?`
  return new RegExp(
    `(?:unsupported|unrecognized|unknown|unexpected|not support|n't support|not allow|extra|invalid)[^.]{0,60}\\b${quoted}` +
      `|\\b${quoted}[^.]{0,80}(?:not (?:be )?(?:support|allow|permit|available|both)|unsupported|n't support|only the default|deprecated|cannot (?:be|both)|not permitted)`,
    "i"
  )
}

const words: { readonly [F in Feature]: RegExp } = {
  json_schema: ofFormat,
  json_object: ofFormat,
  tools: /\btools?\b|functions?\b/i,
  tool_choice: /tool[_ ]?choice/i,
  stream_options: /stream[_ ]?options|include[_ ]?usage/i,
  system_role:
    /system[^.]{0,30}(?:role|message|prompt|instruction)[^.]{0,40}(?:not|n't|unsupported)|(?:not|n't|un)[^.]{0,30}support[^.]{0,30}system|role[^.]{0,30}system|developer instruction/i,
  max_tokens: /max_completion_tokens/i,
  opaque_fields:
    /signature|encrypted|reasoning|thinking|thought|extra[_ ]?(?:content|inputs?|fields?|forbidden)|additional propert|not permitted|unexpected (?:field|keyword|property)|unrecognized|unknown (?:field|name|parameter)|property '[^']+' is unsupported/i,
  unsigned_calls: /thought_?signature/i,
  thoughtless_calls:
    /reasoning_content|reasoning[^.]{0,40}(?:missing|required|must)|(?:no|without|missing)[^.]{0,20}reasoning/i,
  cache_control: /cache[_ ]?control|prompt caching|\bephemeral\b/i,
  temperature: ofOption("temperature"),
  top_p: ofOption("top_?p"),
  seed: ofOption("seed"),
  stop: ofOption("stop(?:[_ ]?sequences?)?"),
  call_ids: /(?:tool[_ ]?call|function call|call)[^.]{0,20}\bid\b|\bid\b[^.]{0,40}(?:length of 9|a-z|alphanumeric)/i
}

/** The likeliest first. */
const order = [
  "stream_options",
  "max_tokens",
  // If two exclude each other, the second is omitted.
  "top_p",
  "temperature",
  "seed",
  "stop",
  "cache_control",
  "json_schema",
  "json_object",
  "tool_choice",
  "tools",
  "unsigned_calls",
  "thoughtless_calls",
  "call_ids",
  "opaque_fields",
  "system_role"
] as const satisfies ReadonlyArray<Feature>

/** The sent feature that a refusal refers to; `undefined`: it refers to something else. */
export const refused = (sent: Sent, message: string): Feature | undefined =>
  order.find((feature) => sent[feature === "tools" ? "outputTool" : feature] === true && words[feature].test(message))
