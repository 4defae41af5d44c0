/**
 * The letters that the tools of `serve.ts` wrote, and the asks about them, seen by a client of the
 * HTTP API.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"

export interface Letter {
  readonly executionId: string
  readonly idempotencyKey: string
  readonly tool: string
  readonly to: string
}

/** All letters, each as often as it was written. */
export const read = async (workspace: string, executionId: string): Promise<ReadonlyArray<Letter>> => {
  const text = await readFile(join(workspace, "letters.txt"), "utf8").catch(() => "")
  const letters = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Letter)
  return letters.filter((letter) => letter.executionId === executionId)
}

export interface Ask {
  readonly id: string
  readonly state: string
  readonly hash: string
  readonly shown: { readonly tool: string; readonly arguments: { readonly to: string } }
}

/** A kept connection would reach the next process at the same address. */
const call = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, { ...init, headers: { "content-type": "application/json", connection: "close" } })
  return { status: response.status, body: (await response.json()) as unknown }
}

export const asks = async (url: string, executionId: string): Promise<ReadonlyArray<Ask>> => {
  const { body } = await call(`${url}/api/v1/inbox?executionId=${executionId}&limit=100`)
  return (body as { readonly items: ReadonlyArray<Ask> }).items
}

/** The status of the response, and the code of a refusal. */
export const answer = async (
  url: string,
  id: string,
  given: object
): Promise<readonly [number, string | undefined]> => {
  const { body, status } = await call(`${url}/api/v1/inbox/${id}/answer`, {
    method: "POST",
    body: JSON.stringify(given)
  })
  return [status, (body as { readonly code?: string }).code]
}
