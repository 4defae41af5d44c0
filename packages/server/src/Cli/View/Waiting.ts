/** Describes what a suspended task waits for. */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"

/**
 * Questions by their titles, tasks and signals by their names; of tasks that were added also who
 * does them.
 */
export const describe = ({ asks = [], spawn, waits }: ExecutionEvent.TaskSuspended): string => {
  const titles = new Map([
    ...asks.map(({ id, title }) => [id, title] as const),
    ...spawn.map(
      ({ agent, id, office, title = id }) => [id, `${office === undefined ? agent : "the manager"} (${title})`] as const
    )
  ])
  const name = (id: string) => titles.get(id) ?? id
  const groups = waits.groups.map(({ need, signals, tasks, timer }) => {
    const names = [...tasks, ...signals].map(name)
    if (names.length === 0) return timer === undefined ? "nothing" : "time"
    return need === "all" || names.length === 1 ? names.join(", ") : `${need} of ${names.join(", ")}`
  })
  return groups.length === 0 ? "time" : groups.join("; ")
}
