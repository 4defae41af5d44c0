/**
 * What providers mean by what they say of a failure. Each has words of its own for the same thing,
 * and statuses that do not tell it from others.
 */

/** The prompt, with its answer, is longer than the model can read. */
export const isTooLong = (message: string): boolean =>
  tooLong.some((each) => each.test(message)) && !ofOutput.test(message)

const tooLong = [
  /maximum (?:context|prompt|input|sequence|model) length|max(?:imum)? (?:context|input) (?:size|tokens)/i,
  /context[\s_-]?(?:length|window|limit|size)/i,
  /(?:prompt|input|context|conversation|messages?|request|inputs)\b[^.]{0,40} (?:is|are|was) (?:too|longer|larger) (?:long|large|than)/i,
  /(?:prompt|input|token|context)s?(?: token)?(?: length| count| size)?[^.]{0,60}exceed(?:s|ed|ing)?\b/i,
  /exceed(?:s|ed|ing)?\b[^.]{0,60}(?:context|(?:input|prompt|model|model's|maximum|total) (?:number of )?(?:input )?(?:token|length|limit))/i,
  /(?:input|prompt)[^.]{0,20} (?:too long|too large)|too many (?:input )?tokens|too long for (?:requested|this|the) model/i,
  /reduce (?:the length|your (?:prompt|message|input)|the (?:prompt|input|number of (?:tokens|messages)))/i,
  /context the overflows|context overflow|overflows? the context|too large for model/i,
  /range of input length|must have less than \d+ tokens|(?:input|inputs)`? tokens \+ `?max_new_tokens|cannot exceed the total tokens/i,
  /超过.{0,12}(?:长度|上下文|最大)|(?:输入|上下文|提示).{0,12}(?:过长|超长|超出|超过)/
]

/** Of the answer that was asked for, which is too long by itself. */
const ofOutput =
  /(?<!\+ [`'"]?)max(?:_completion|_output|_new)?_tokens[`'"]? (?:is |value |\(?\d+\)? )?(?:too large|must be|is invalid)|completion tokens, whereas|at most \d+ completion tokens/i

/** The account has nothing left; waiting does not help. */
export const isOutOfCredit = (kind: string, message: string): boolean =>
  noCredit.test(kind) || noCreditMessage.test(message)

const noCredit =
  /insufficient_quota|billing_hard_limit|billing_not_active|billing_error|insufficient_(?:balance|credits?|funds)|arrearage|exceeded_current_quota|payment_required|credits?_exhausted|\b(?:1113|30001|40203)\b/i
const noCreditMessage =
  /credit balance is too low|reached your specified .*usage limits|insufficient[ _-](?:account )?(?:balance|credits?|funds)|(?:balance|credits?|funds) (?:is |are |has been )?(?:insufficient|not enough|exhausted|too low|used up|depleted)|not enough (?:balance|credits?|funds)|no (?:remaining )?credits? (?:left|remaining)|out of credits?|(?:used|exhausted) all (?:of )?(?:its |your )?(?:available )?credits|please recharge|account (?:is )?(?:in arrears|overdue|in good standing)|requires more credits|monthly spending limit|余额不足|欠费/i

/**
 * What the model wrote could not be read by the provider itself: the model has slipped, not the
 * request.
 */
export const isSlip = (kind: string, message: string): boolean => slip.test(kind) || slipMessage.test(message)

const slip =
  /tool_use_failed|tool_call_failed|output_parse_failed|json_validate_failed|malformed_function_call|invalid_model_output|model_output_error|parse_error/i
const slipMessage =
  /failed to call a function|failed_generation|error parsing tool call|failed to parse (?:tool|function) call|failed to (?:validate|generate) json|parsing failed\. the model generated|model produced invalid|model (?:generated|returned|output(?:ted)?) (?:an? )?(?:invalid|malformed)|malformed function call|could not parse (?:the )?(?:model|tool|function)|(?:could not|unable to) parse tool call|failed to parse input at pos/i

export const isFiltered = (kind: string, message: string): boolean =>
  /content_?filter|content_policy|policy_violation|bio_policy|ResponsibleAI|data_inspection_failed|content_moderation|sensitive_content/i.test(
    kind
  ) ||
  /blocked by content filtering|inappropriate content|flagged (?:as|by|for)|content management policy/i.test(message)

/**
 * OpenAI says `invalid_prompt` of a prompt that it will not answer, and of one that it cannot read.
 */
export const isFlagged = (kind: string, message: string): boolean =>
  kind.includes("invalid_prompt") && /flagged|usage polic/i.test(message)

export const isLimited = (kind: string, message: string): boolean =>
  /rate_?limit|too_many_requests|throttl|resource_exhausted|requests_limit/i.test(kind) ||
  /^(?:rate limit|too many requests)|rate limit (?:reached|exceeded)|too many tokens, please wait/i.test(message)

export const isUnauthorised = (kind: string): boolean =>
  /authentication_error|unauthenticated|invalid_api_key|permission_(?:denied|error)|unauthorized/i.test(kind)

export const isTimeout = (kind: string): boolean =>
  /timeout_error|deadline_exceeded|request_timeout|gateway_timeout/i.test(kind)

export const isBusy = (kind: string): boolean =>
  /server_error|overloaded|service_unavailable|api_error|server busy|unavailable|engine_dead|bad_gateway/i.test(kind)

/** What OpenAI says about a request after it has begun to answer. */
export const isUnusable = (kind: string): boolean =>
  /invalid_|_?image_|unsupported_|data_residency|not_found|invalid_argument|bad_request/i.test(kind)
