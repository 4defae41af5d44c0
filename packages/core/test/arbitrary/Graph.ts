/**
 * Task graphs for properties: valid ones of every shape a crew has, broken ones, and interleavings
 * to run them by.
 *
 * A counterexample shrinks towards few tasks with plain names, declared in order, and prints in one
 * line, dependencies in brackets: `a b[a] c[a,b]`.
 */
import * as FastCheck from "fast-check"
import type * as Dag from "../../src/Dag.ts"

export type Nodes = ReadonlyArray<Dag.Node>

/** A graph before it has names: by task, the tasks before it that it depends on. */
type Rows = ReadonlyArray<ReadonlyArray<number>>

// Shapes

const chain: FastCheck.Arbitrary<Rows> = FastCheck.integer({ min: 1, max: 20 }).map((length) =>
  Array.from({ length }, (_, task) => (task === 0 ? [] : [task - 1]))
)

/** A chain of diamonds, each as wide as its number. */
const diamond: FastCheck.Arbitrary<Rows> = FastCheck.array(FastCheck.integer({ min: 1, max: 8 }), {
  minLength: 1,
  maxLength: 3
}).map((widths) => {
  const rows: Array<Array<number>> = [[]]
  for (const width of widths) {
    const top = rows.length - 1
    for (let task = 0; task < width; task++) rows.push([top])
    rows.push(Array.from({ length: width }, (_, task) => top + 1 + task))
  }
  return rows
})

/** Every task waits for the one above it and the one to its left. */
const lattice: FastCheck.Arbitrary<Rows> = FastCheck.tuple(
  FastCheck.integer({ min: 1, max: 5 }),
  FastCheck.integer({ min: 1, max: 5 })
).map(([height, width]) =>
  Array.from({ length: height * width }, (_, task) => [
    ...(task >= width ? [task - width] : []),
    ...(task % width > 0 ? [task - 1] : [])
  ])
)

/** Every task of a layer waits for some of the layer above. */
const layered: FastCheck.Arbitrary<Rows> = FastCheck.array(
  FastCheck.array(FastCheck.array(FastCheck.nat(9), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
  { maxLength: 5 }
).map((layers) => {
  const rows: Array<Array<number>> = []
  let above = 0
  for (const layer of layers) {
    const start = rows.length
    for (const picks of layer) rows.push(start === 0 ? [] : picks.map((pick) => above + (pick % (start - above))))
    above = start
  }
  return rows
})

/** Every task waits for any before it, perhaps naming one twice. */
const random: FastCheck.Arbitrary<Rows> = FastCheck.array(FastCheck.array(FastCheck.nat(30), { maxLength: 4 }), {
  maxLength: 24
}).map((rows) => rows.map((picks, task) => (task === 0 ? [] : picks.map((pick) => pick % task))))

// Graphs

const awkwardNames = [
  "constructor",
  "__proto__",
  "",
  " ",
  'say "no"',
  "a -> b",
  "#35;",
  "<b>&amp;</b>",
  "zwölf\n12",
  "`x`"
]

const nameOf = (task: number): string => (task < 26 ? String.fromCharCode(97 + task) : `t${task}`)

const name = (rows: Rows, awkward: boolean): Nodes => {
  const names = rows.map((_, task) => (awkward ? awkwardNames[task] : undefined) ?? nameOf(task))
  return rows.map((row, task) => ({ id: names[task]!, dependencies: row.map((dependency) => names[dependency]!) }))
}

/** Declared so that every dependency comes before what needs it. */
const sortedFrom = (shape: FastCheck.Arbitrary<Rows>): FastCheck.Arbitrary<Nodes> =>
  FastCheck.tuple(shape, FastCheck.boolean()).map(([rows, awkward]) => printed(name(rows, awkward)))

/** Declared in any order. */
const shuffledFrom = (shape: FastCheck.Arbitrary<Rows>): FastCheck.Arbitrary<Nodes> =>
  FastCheck.tuple(sortedFrom(shape), FastCheck.array(FastCheck.nat(20), { maxLength: 30 })).map(([nodes, places]) => {
    const byPlace = nodes.map((node, task) => ({ node, place: places[task] ?? 0 }))
    return printed(byPlace.sort((left, right) => left.place - right.place).map(({ node }) => node))
  })

/** Valid graphs by shape, declared in any order. */
export const shapes = {
  chain: shuffledFrom(chain),
  diamond: shuffledFrom(diamond),
  lattice: shuffledFrom(lattice),
  layered: shuffledFrom(layered),
  random: shuffledFrom(random)
}

const shape = FastCheck.oneof(random, layered, chain, diamond, lattice)

/** A valid graph of any shape, declared in any order. */
export const acyclic: FastCheck.Arbitrary<Nodes> = shuffledFrom(shape)

/**
 * A valid graph of any shape, every dependency declared before what needs it: any prefix of it is
 * valid too.
 */
export const sorted: FastCheck.Arbitrary<Nodes> = sortedFrom(shape)

/**
 * Tasks that name any tasks: mostly cyclic, often their own dependency or another's namesake,
 * sometimes valid.
 */
export const anything: FastCheck.Arbitrary<Nodes> = FastCheck.array(
  FastCheck.record({ id: FastCheck.nat(9), dependencies: FastCheck.array(FastCheck.nat(10), { maxLength: 3 }) }),
  { maxLength: 10 }
).map((tasks) =>
  printed(tasks.map(({ dependencies, id }) => ({ id: nameOf(id), dependencies: dependencies.map(nameOf) })))
)

/** An invalid graph and how it was broken: each code is a problem that must be reported. */
export interface Broken {
  readonly nodes: Nodes
  readonly codes: ReadonlyArray<Dag.Problem["code"]>
}

/** A valid graph of two tasks or more, with one to three flaws. */
export const broken: FastCheck.Arbitrary<Broken> = FastCheck.tuple(
  acyclic.filter((nodes) => nodes.length > 1),
  FastCheck.array(
    FastCheck.record({
      code: FastCheck.constantFrom<Dag.Problem["code"]>(
        "self-dependency",
        "unknown-dependency",
        "cycle",
        "duplicate-task"
      ),
      at: FastCheck.nat(30),
      length: FastCheck.integer({ min: 2, max: 6 })
    }),
    { minLength: 1, maxLength: 3 }
  )
).map(([valid, flaws]) => {
  const nodes = valid.map(({ dependencies, id }) => ({ id, dependencies: [...dependencies] }))
  const namesakes: Array<Dag.Node> = []
  for (const { at, code, length } of flaws) {
    const node = nodes[at % nodes.length]!
    if (code === "self-dependency") node.dependencies.push(node.id)
    if (code === "unknown-dependency") node.dependencies.push(`missing-${length}`)
    if (code === "duplicate-task") namesakes.push({ id: node.id, dependencies: [nodes[length % nodes.length]!.id] })
    if (code === "cycle") {
      const ring = Array.from(
        { length: Math.min(length, nodes.length) },
        (_, step) => nodes[(at + step) % nodes.length]!
      )
      ring.forEach((member, step) => member.dependencies.push(ring[(step + 1) % ring.length]!.id))
    }
  }
  return { nodes: printed([...nodes, ...namesakes]), codes: [...new Set(flaws.map(({ code }) => code))] }
})

// Interleavings

/**
 * The decisions of a schedule, repeated from the start when they run out; an empty list always
 * takes the first choice.
 */
export const schedule: FastCheck.Arbitrary<ReadonlyArray<number>> = FastCheck.array(FastCheck.nat(50), {
  maxLength: 30
})

/** Takes decisions from a schedule: each call answers a whole number from 0 to below `count`. */
export const deciding = (decisions: ReadonlyArray<number>): ((count: number) => number) => {
  let taken = 0
  return (count) => (decisions.length === 0 ? 0 : decisions[taken++ % decisions.length]! % count)
}

/** Not enumerable, so that it counts in no comparison. */
const printed = (nodes: Nodes): Nodes =>
  Object.defineProperty([...nodes], FastCheck.toStringMethod, { value: () => print(nodes), enumerable: false })

const print = (nodes: Nodes): string =>
  nodes.length === 0
    ? "no tasks"
    : nodes
        .map(
          ({ dependencies, id }) =>
            word(id) + (dependencies.length === 0 ? "" : `[${dependencies.map(word).join(",")}]`)
        )
        .join(" ")

const word = (id: string): string => (/^\w+$/.test(id) ? id : JSON.stringify(id))
