/** A client of the feed as server-sent events, which keeps what it receives. */

export interface Event {
  readonly cursor: string
  readonly crewName: string
  readonly executionId: string
  readonly seq: number
  readonly type: string
  readonly [field: string]: unknown
}

export interface Client {
  readonly events: Array<Event>
  /** The ids of the events in the stream. */
  readonly ids: Array<string>
  /** Resolves as soon as the events satisfy the condition, or the stream has ended. */
  readonly until: (test: (events: ReadonlyArray<Event>) => boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export const open = async (url: string, query = "", headers: Record<string, string> = {}): Promise<Client> => {
  const response = await fetch(`${url}/api/v1/feed${query}`, { headers: { accept: "text/event-stream", ...headers } })
  if (response.status !== 200) throw new Error(`The feed answers ${response.status}: ${await response.text()}`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const events: Array<Event> = []
  const ids: Array<string> = []
  let text = ""
  const take = async () => {
    const { done, value } = await reader.read()
    if (done) return false
    text += value
    const blocks = text.split("\n\n")
    text = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data === undefined) continue
      events.push(JSON.parse(data))
      ids.push(/^id: (.*)$/m.exec(block)?.[1] ?? "")
    }
    return true
  }
  return {
    events,
    ids,
    until: async (test) => {
      while (!test(events) && (await take()));
    },
    close: () => reader.cancel()
  }
}
