/**
 * Options of commands about a tenant's resources: the tenant, its location, and the output format.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Keys from "../Api/Keys.ts"
import * as Failure from "./Failure.ts"

export interface Options {
  readonly tenant: Option.Option<string>
  readonly data: Option.Option<string>
  readonly json: boolean
}

const decodeTenant = Schema.decodeUnknownResult(Keys.Tenant)

/** A decoded part of the command line, or its error. */
export const valid = <A>(
  part: string,
  result: Result.Result<A, Schema.SchemaError>
): Effect.Effect<A, Failure.Failure> =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(Failure.invalid(`${part}: ${result.failure.message}`))

/** The tenant that is named; undefined: none. */
export const tenantOf = ({ tenant }: Options): Effect.Effect<string | undefined, Failure.Failure> =>
  Option.isSome(tenant) ? valid("--tenant", decodeTenant(tenant.value)) : Effect.succeed(undefined)
