/** `/api/v1/inbox`: what people are asked, and their answers. */
import * as Ask from "@crewline/core/Ask"
import * as AskView from "@crewline/core/AskView"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"

/**
 * The most characters of an id: that of an execution, and that of an ask within it, which grows
 * with the depth of its task.
 */
const maxIdLength = 2_000

/** An answer over HTTP. */
export const AnswerBody = Schema.Struct({ ...Ask.Answer.fields, onBehalfOf: Access.onBehalfOf }).annotate({
  identifier: "AnswerBody",
  description: "An answer to an ask"
})
export type AnswerBody = typeof AnswerBody.Type

export class Inbox extends HttpApiGroup.make("inbox")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...Page.query,
        state: Schema.optionalKey(AskView.State).annotate({ description: "Only asks in this state" }),
        executionId: Schema.optionalKey(Name.Key).annotate({ description: "Only asks of this execution" })
      },
      success: Page.Page(AskView.View)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List asks, oldest first",
        description: "Approvals, questions, reviews and budgets; use `state` to list closed ones."
      })
    ),
    HttpApiEndpoint.post("answer", "/:id/answer", {
      params: {
        id: Schema.String.check(
          Schema.isMaxLength(maxIdLength),
          Schema.isPattern(AskView.idPattern, { expected: "the id of an ask" })
        )
      },
      payload: AnswerBody,
      success: AskView.View,
      error: Problem.schemas(...Problem.ofBody, "not-found", "may-not-answer", "ask-closed", "hash-mismatch")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Answer an ask",
        description:
          "Answer an approval with `approve` (`scope: run` also approves all further calls of the tool in this execution), `edit` with " +
          "`arguments`, or `deny`; a question by `reply` with `value`, or `deny`; a review by `accept`, or `revise` with `feedback`; " +
          "a budget with `raise` and `limits`, or `deny`. `deny` may have a `reason`. With the `hash` of the ask, the answer is accepted " +
          "only if the ask has not changed. The first answer counts; the response is the closed ask."
      })
    )
  )
  .prefix("/api/v1/inbox")
  .annotateMerge(OpenApi.annotations({ title: "Inbox", description: "Approvals, questions and reviews by people" })) {}
