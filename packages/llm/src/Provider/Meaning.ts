/**
 * What providers mean by what they say of a failure. Each has words of its own for the same thing,
 * and statuses that do not tell it from others.
 */

/** The prompt, with its answer, is longer than the model can read. */
export const isTooLong = (message: string, kind = ""): boolean =>
  tooLongKind.test(kind) ||
  (tooLong.some((each) => each.test(message)) &&
    !ofParameter.test(message) &&
    (!ofOutput.test(message) || ofPrompt.test(message)))

const tooLongKind =
  /context_?length_?exceeded|exceed_?context_?size|context_?window_?exceeded|tokens_limit_reached|max_prompt_tokens|request_?too_?large|(?:prompt|input|context)_?too_?(?:long|large)|too_?many_?tokens_?in|totaltokens|\b(?:1261|336007|336103|5021)\b/i

/** Words for what can be too long, and for the limits that it can exceed. */
const given = String.raw`(?:prompt|inputs?|contexts?|conversation|messages?|requests?|tokens?|text|content|sequence|length|总长度)`
const bound = String.raw`(?:context|max[_ ]?(?:seq|model|input|prompt|context|message)?[_ -]?(?:len(?:gth)?|tokens?|size)|(?:model|token|length|size|input|prompt|model's)[^.]{0,20}(?:limit|capacity|maximum|length|window)|n_ctx|limit of \d|limit: \d|model's (?:limit|maximum|context|capacity))`

const tooLong = [
  /maximum (?:context|prompt|input|sequence|model|supported sequence) length|max(?:imum)? (?:context|input) (?:size|tokens)/i,
  /context[\s_-]?(?:length|window|limit|size)|max_seq_len|max_model_len|\bn_ctx\b/i,
  new RegExp(
    String.raw`\b${given}\b[^.]{0,60} (?:is|are|was|were)? ?(?:too|longer|larger|greater|bigger|more) (?:long|large|big|than)`,
    "i"
  ),
  new RegExp(String.raw`\b${given}\b[^.]{0,60} (?:too (?:long|large|big)|tokens? too long)`, "i"),
  /(?:prompt|input|token|context|message)s?(?: token)?(?: length| count| size)?[^.]{0,60}exceed(?:s|ed|ing)?\b/i,
  new RegExp(String.raw`exceed(?:s|ed|ing)?\b[^.]{0,60}${bound}`, "i"),
  /exceed(?:s|ed|ing)?\b[^.]{0,60}(?:context|(?:input|prompt|model|model's|maximum|total) (?:number of )?(?:input )?(?:token|length|limit))/i,
  new RegExp(String.raw`\b${given}\b[^.]{0,60}(?:does not|doesn't|do not|cannot|can't) fit`, "i"),
  /too many (?:input |prompt )?tokens|too long for (?:requested|this|the) model|(?:prompt|input|context)[_ ]?too[_ ]?(?:long|large)/i,
  /reduce (?:the length|the size|your (?:prompt|message|input)|the (?:prompt|input|number of (?:tokens|messages)))|(?:shorter|shorten (?:your|the)) (?:prompt|message|input|conversation)/i,
  /context the overflows|context overflow|overflow(?:s|ed|ing)? (?:of )?the context|too large for model|payload size exceeds|maximum allowed number of bytes/i,
  /range of input length|must have less than \d+ tokens|(?:input|inputs)`? tokens \+ `?max_new_tokens|cannot exceed the total tokens|total number of tokens[^.]{0,30}cannot exceed/i,
  /(?:messages\[?\d*\]?[^ ]{0,20}|input|content)'?: string too long|expected maxlength: \d{5,}|at 'body' failed[^.]*length less than|max length of (?:current|the) (?:question|prompt|input)/i,
  /(?:prompt|input|length)[^.]{0,40}must be (?:less|smaller|shorter) than|max(?:imum)? size: \d+ tokens/i,
  /超过.{0,12}(?:长度|上下文|最大)|(?:输入|上下文|提示|prompt|长度).{0,12}(?:过长|超长|超出|超过|过大)/i
]

/** Of the answer that was asked for, which is too long by itself. */
const ofOutput =
  /(?<!\+ [`'"]?)max(?:_completion|_output|_new)?_tokens[`'"]? (?:is |value |\(?\d+\)? )?(?:too large|must be|is invalid)|completion tokens, whereas|at most \d+ completion tokens|maximum allowed number of output tokens/i
/** The prompt leaves no room for the answer. */
const ofPrompt =
  /context (?:length|window|size)|(?:input|prompt) tokens|tokens (?:in|from) the (?:input|messages|prompt)/i
/** Messages about a parameter of that name, or about a small field that is too long. */
const ofParameter =
  /(?:unknown|unrecognized|unsupported|unexpected|invalid|extra) (?:request )?(?:parameter|argument|field|key|keyword|property|name)|\.name['`]?:? |tools?\[\d+\]|(?:tool|function) name|stop sequences?|image (?:exceeds|is too|size)/i

/** The account has nothing left; waiting does not help. */
export const isOutOfCredit = (kind: string, message: string): boolean =>
  noCredit.test(kind) ||
  noCreditMessage.test(message) ||
  // Google uses the same words for a limit that resets within a minute.
  (/exceeded your current quota/i.test(message) && !/resource_?exhausted/i.test(kind) && !/retry in/i.test(message))

const noCredit =
  /insufficient_quota|billing_hard_limit|billing_not_active|billing_error|insufficient_?(?:balance|credits?|funds)|arrearage|exceeded_current_quota|payment_required|credits?_exhausted|budget_exceeded|quota_?exhausted|\b(?:1113|30001|40203)\b/i
const noCreditMessage =
  /credit balance is too low|reached your specified .*usage limits|insufficient[ _-](?:account )?(?:balance|credits?|funds)|(?:balance|credits?|funds) (?:is |are |has been )?(?:insufficient|not enough|exhausted|too low|used up|depleted)|not enough (?:balance|credits?|funds)|no (?:remaining )?credits? (?:left|remaining)|out of credits?|(?:used|exhausted) all (?:of )?(?:its |your )?(?:available )?credits|please (?:recharge|top up)|account (?:is )?(?:in arrears|overdue|in good standing)|requires more credits|credit limit exceeded|monthly spending limit|(?:hard|spend(?:ing)?|billing) limit (?:has been )?(?:reached|exceeded)|budget (?:has been )?exceeded|payment required|余额不足|欠费|额度(?:不足|已用完)/i

/**
 * What the model wrote could not be read by the provider itself: the model has slipped, not the
 * request.
 */
export const isSlip = (kind: string, message: string): boolean => slip.test(kind) || slipMessage.test(message)

const slip =
  /tool_use_failed|tool_call_failed|output_parse_failed|json_validate_failed|malformed_function_call|invalid_model_output|model_output_error|parse_error|modelerrorexception|model_?stream_?error/i
const slipMessage =
  /failed to call a function|failed_generation|error parsing tool call|failed to parse (?:tool|function) call|failed to (?:validate|generate) json|parsing failed\. the model generated|(?:generated|output) (?:tool call|json|arguments?)[^.]{0,40}(?:could not|cannot|failed to) be? ?(?:validated|parsed)|tool call validation failed|model produced invalid|model (?:generated|returned|output(?:ted)?) (?:an? )?(?:invalid|malformed)|malformed function call|could not parse (?:the )?(?:model|tool|function)|(?:could not|unable to) parse tool call|failed to parse input at pos/i

export const isFiltered = (kind: string, message: string): boolean =>
  /content_?filter|content_policy|policy_violation|bio_policy|ResponsibleAI|data_inspection_failed|content_moderation|sensitive_?content|guardrail|risk_?control|\b(?:1301|336104)\b/i.test(
    kind
  ) ||
  /blocked by (?:our )?(?:content|safety|guardrail|the (?:content|safety))|inappropriate content|prohibited content|flagged (?:as|by|for)|content (?:management|moderation) policy|considered high risk|safety system|violat\w* (?:our |the |of )?(?:usage|content|safety|acceptable)[^.]{0,20} polic|敏感|违规|内容安全/i.test(
    message
  )

/**
 * OpenAI says `invalid_prompt` of a prompt that it will not answer, and of one that it cannot read.
 */
export const isFlagged = (kind: string, message: string): boolean =>
  kind.includes("invalid_prompt") && /flagged|usage polic/i.test(message)

export const isLimited = (kind: string, message: string): boolean =>
  /rate_?limit|too_?many_?requests|throttl|resource_?exhausted|requests?_limit|limit_(?:requests|burst_rate)|\b(?:1302|1303|1305|336501)\b/i.test(
    kind
  ) ||
  /^(?:rate limit|too many requests)|rate limit (?:is |was |has been )?(?:reached|exceeded)|too many tokens, please wait|(?:requests?|tokens) per (?:second|minute|hour|day)[^.]{0,40}(?:exceed|reach|limit)|(?:速率限制|请求过于频繁|频率超限)/i.test(
    message
  )

export const isUnauthorised = (kind: string, message = ""): boolean =>
  /authentication_?error|unauthenticated|invalid_?api_?key|api_?key_?invalid|permission_?(?:denied|error)|access_?denied|unauthorized|invalid_?token|unrecognizedclient|invalidsignature|expired_?token/i.test(
    kind
  ) ||
  /(?:incorrect|invalid|wrong|missing|no|expired|unknown) api[ _-]?key|api[ _-]?key (?:is |was |has )?(?:not valid|not found|invalid|expired|missing|incorrect|wrong|required|revoked|disabled)|(?:did not|didn't) provide an api key|not authorized to perform|security token[^.]{0,30}(?:invalid|expired)/i.test(
    message
  )

export const isTimeout = (kind: string): boolean => /time_?(?:d_?)?out|deadline_?exceeded/i.test(kind)

/** Statuses of a busy or broken server, as opposed to an invalid request. */
export const isBusyStatus = (status: number): boolean =>
  // Used by Anthropic, Bedrock, Groq (498: no capacity) and proxies (499: the client in front of it
  // disconnected).
  status === 409 || status === 424 || status === 425 || status === 498 || status === 499 || status >= 500

/** A gateway in front of the server timed out. */
export const isTimeoutStatus = (status: number): boolean => status === 408 || status === 504 || status === 524

export const isBusy = (kind: string, message = ""): boolean =>
  /server_?error|overloaded|service_?unavailable|api_error|server busy|unavailable|engine_dead|bad_?gateway|capacity_?exceeded|not_?ready/i.test(
    kind
  ) ||
  /(?:temporarily|currently) (?:unavailable|overloaded|loading)|(?:try|retry)(?: your request)? again (?:later|in a (?:few|moment))|(?:over|at|out of|no|insufficient) capacity|capacity exceeded|(?:service|server|system|engine|model) is (?:too |very )?(?:busy|overloaded)|服务(?:器)?(?:繁忙|不可用)|稍后(?:再|重)试/i.test(
    message
  )

/** What OpenAI says about a request after it has begun to answer. */
export const isUnusable = (kind: string): boolean =>
  /invalid_|_?image_|unsupported_|data_residency|not_found|invalid_argument|bad_?request|validation/i.test(kind)
