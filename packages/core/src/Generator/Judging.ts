/** The problems of a generated crew, in one of the steps or at the end. */
import * as Assembly from "./Assembly.ts"
import type * as Estimate from "./Estimate.ts"
import type { Problem } from "./Problem.ts"
import type { Facts } from "./Request.ts"
import type * as Steps from "./Steps.ts"
import * as Validation from "./Validation.ts"

/** How estimates are made from the facts of a generation. */
export const estimating = ({ rates, tools }: Facts): Estimate.Options & Pick<Validation.Facts, "tools"> => ({
  tools,
  ...(rates === undefined ? {} : { price: () => rates })
})

/** A crew needs a ground; a single agent does not. */
export const ofOrganisation = ({ ground, kind }: Steps.Organisation): ReadonlyArray<Problem> => {
  if ((kind === "agent") === (ground === "none")) return []
  const message =
    kind === "agent"
      ? `One agent needs no ground, and ${ground} was given: use none.`
      : "A crew needs a ground: parallel-work, different-tools or independent-review. Without one, use one agent."
  return [{ code: "unfounded-crew", path: ["ground"], message }]
}

export interface Judged extends Validation.Validated {
  /** The crew as it was assembled, valid or not. */
  readonly data: Assembly.Assembled["data"]
}

/** All data about the crew assembled from the answers. */
export const ofCrew = (answers: Assembly.Answers, facts: Facts): Judged => {
  const { problems: unfit, ...draft } = Assembly.assemble(answers, facts)
  const { constraints, policies } = facts
  const { crew, estimate, problems } = Validation.validate(draft, {
    ...estimating(facts),
    constraints,
    ...(policies === undefined ? {} : { policies })
  })
  const founded =
    estimate === undefined
      ? []
      : Assembly.foundingProblems(crew.definition, answers.organisation, { hasTools: answers.tools !== undefined })
  return {
    data: draft.data,
    crew,
    estimate,
    problems: [...ofOrganisation(answers.organisation), ...unfit, ...problems, ...founded]
  }
}

/** The maximum number of problems in one feedback: a model corrects only the first of many. */
const maxShown = 20

/** Typed feedback: each problem as JSON on its own line. */
export const feedback = (problems: ReadonlyArray<Problem>): true | string => {
  if (problems.length === 0) return true
  const more = problems.length > maxShown ? [`and ${problems.length - maxShown} more`] : []
  return ["The crew is not valid:", ...problems.slice(0, maxShown).map((each) => JSON.stringify(each)), ...more].join(
    "\n"
  )
}
