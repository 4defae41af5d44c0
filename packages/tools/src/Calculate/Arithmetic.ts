/**
 * Arithmetic as people write it, computed without `eval`: numbers, `+ - * / % ^`, unary minus,
 * parentheses, a few functions and constants. Every mistake names its position.
 *
 * Precedence, from loose to tight: `+ -`, `* / %`, unary minus, `^` (to the right: `2^3^2` is
 * `2^9`, and `-2^2` is `-4`).
 */

/** A syntax error in an expression, and its position (characters from the start). */
export class ArithmeticError extends Error {
  readonly position: number
  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

const maxLength = 2_000
const deepest = 100

const constants: ReadonlyMap<string, number> = new Map([
  ["pi", Math.PI],
  ["e", Math.E]
])

interface Fn {
  readonly minArguments: number
  readonly maxArguments: number
  readonly apply: (args: ReadonlyArray<number>) => number
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

const functions: ReadonlyMap<string, Fn> = new Map<string, Fn>([
  ["abs", { minArguments: 1, maxArguments: 1, apply: ([x = 0]) => Math.abs(x) }],
  ["avg", { minArguments: 1, maxArguments: Infinity, apply: (args) => sum(args) / args.length }],
  ["ceil", { minArguments: 1, maxArguments: 1, apply: ([x = 0]) => Math.ceil(x) }],
  ["floor", { minArguments: 1, maxArguments: 1, apply: ([x = 0]) => Math.floor(x) }],
  ["max", { minArguments: 1, maxArguments: Infinity, apply: (args) => args.reduce((a, b) => Math.max(a, b)) }],
  ["min", { minArguments: 1, maxArguments: Infinity, apply: (args) => args.reduce((a, b) => Math.min(a, b)) }],
  ["round", { minArguments: 1, maxArguments: 2, apply: ([x = 0, digits = 0]) => round(x, digits) }],
  ["sqrt", { minArguments: 1, maxArguments: 1, apply: ([x = 0]) => Math.sqrt(x) }],
  ["sum", { minArguments: 1, maxArguments: Infinity, apply: sum }]
])

/** The names that may be called, for descriptions. */
export const functionNames: ReadonlyArray<string> = [...functions.keys()]

/**
 * The value; throws an `ArithmeticError`. Digits that are only noise of binary fractions are
 * rounded away (`0.1 + 0.2` is `0.3`).
 */
export const evaluateUnsafe = (expression: string): number => {
  if (expression.length > maxLength) {
    throw new ArithmeticError(`The expression is longer than ${maxLength} characters.`, maxLength)
  }
  const value = new Parser(expression).whole()
  return Number.isInteger(value) ? value + 0 : Number(value.toPrecision(15))
}

/**
 * Rounds half away from zero, as people do; `toFixed` and `Math.round` each differ in some cases.
 */
const round = (x: number, digits: number): number => {
  const shifted = Number(`${Math.abs(x)}e${digits}`)
  // Rounding does not change numbers that are printed with an exponent.
  if (!Number.isFinite(shifted)) return x
  return Math.sign(x) * Number(`${Math.round(shifted)}e${-digits}`)
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): number {
    this.#space()
    if (this.#at === this.#text.length) throw new ArithmeticError("The expression is empty.", 0)
    const value = this.#sum()
    if (this.#at < this.#text.length) throw this.#unexpected("an operator")
    return value
  }

  #sum(): number {
    let value = this.#product()
    for (;;) {
      const at = this.#at
      if (this.#take("+")) value = finite(value + this.#product(), at)
      else if (this.#take("-", "−", "–")) value = finite(value - this.#product(), at)
      else return value
    }
  }

  #product(): number {
    let value = this.#unary()
    for (;;) {
      const at = this.#at
      if (this.#take("*", "×", "·")) value = finite(value * this.#unary(), at)
      else if (this.#take("/", "÷")) value = finite(value / nonZero(this.#unary(), at, "divide"), at)
      else if (this.#take("%")) {
        if (this.#at === this.#text.length || ")+*/,".includes(this.#text[this.#at] ?? "")) {
          throw new ArithmeticError(
            '"%" is the remainder operator and needs a number after it; for percent, write / 100.',
            at
          )
        }
        value %= nonZero(this.#unary(), at, "take the remainder")
      } else return value
    }
  }

  #unary(): number {
    if (this.#take("-", "−", "–")) return -this.#deeper(() => this.#unary())
    if (this.#take("+")) return this.#deeper(() => this.#unary())
    return this.#power()
  }

  #power(): number {
    const base = this.#primary()
    const at = this.#at
    if (!this.#take("**", "^")) return base
    const exponent = this.#deeper(() => this.#unary())
    const value = base ** exponent
    if (Number.isNaN(value)) throw new ArithmeticError("A negative number cannot have a fractional exponent.", at)
    if (base === 0 && exponent < 0) throw new ArithmeticError("Zero cannot have a negative exponent.", at)
    return finite(value, at)
  }

  #primary(): number {
    const at = this.#at
    if (this.#take("(")) {
      const value = this.#deeper(() => this.#sum())
      if (!this.#take(")")) throw this.#missing(at)
      return value
    }
    const number = this.#match(/(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?![\p{L}\p{N}_.])/iuy)
    if (number !== undefined) {
      const grouped = /^\d{1,3}(?:,\d{3})+(?!\d)/.exec(this.#text.slice(at))?.[0]
      if (grouped !== undefined && this.#depth === 0) {
        throw new ArithmeticError(`Write ${grouped.replaceAll(",", "")} for ${grouped}: commas separate arguments.`, at)
      }
      return finite(Number(number), at)
    }
    const name = this.#match(/[\p{L}_][\p{L}\p{N}_]*/uy)
    if (name === undefined) throw this.#unexpected("a number")
    return this.#named(name, at)
  }

  #named(name: string, at: number): number {
    const key = name.toLowerCase()
    const known = functions.get(key)
    if (known !== undefined) {
      const opened = this.#at
      if (!this.#take("(")) throw new ArithmeticError(`"${name}" is a function: write ${key}(…).`, at)
      const args = this.#deeper(() => this.#arguments())
      if (!this.#take(")")) throw this.#missing(opened)
      if (args.length < known.minArguments || args.length > known.maxArguments) {
        const wanted =
          known.maxArguments === Infinity
            ? "at least one number"
            : known.maxArguments === 1
              ? "one number"
              : "one or two numbers"
        throw new ArithmeticError(`"${key}" takes ${wanted}, not ${args.length}.`, at)
      }
      const value = known.apply(args)
      if (key === "sqrt" && Number.isNaN(value)) throw new ArithmeticError("A negative number has no square root.", at)
      if (key === "round" && !(Number.isInteger(args[1] ?? 0) && Math.abs(args[1] ?? 0) <= 100)) {
        throw new ArithmeticError("round needs a whole number of digits, at most 100.", at)
      }
      return finite(value, at)
    }
    const constant = constants.get(key)
    if (constant !== undefined) return constant
    const names = `${[...constants.keys()].join(", ")} and the functions ${functionNames.join(", ")}`
    throw new ArithmeticError(`Unknown name "${name}": expected one of ${names}.`, at)
  }

  #arguments(): ReadonlyArray<number> {
    const args: Array<number> = []
    if (this.#text[this.#at] === ")") return args
    do args.push(this.#sum())
    while (this.#take(",", ";"))
    return args
  }

  #deeper<A>(parse: () => A): A {
    this.#depth += 1
    if (this.#depth > deepest)
      throw new ArithmeticError(`The expression is nested more than ${deepest} levels deep.`, this.#at)
    const value = parse()
    this.#depth -= 1
    return value
  }

  /** Consumes the first of these that is next, and the space after it. */
  #take(...tokens: ReadonlyArray<string>): boolean {
    for (const token of tokens) {
      if (!this.#text.startsWith(token, this.#at)) continue
      this.#at += token.length
      this.#space()
      return true
    }
    return false
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)?.[0]
    if (match === undefined) return undefined
    this.#at += match.length
    this.#space()
    return match
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1
  }

  #missing(opened: number): ArithmeticError {
    if (this.#at < this.#text.length) return this.#unexpected('an operator or ")"')
    return new ArithmeticError('The "(" is never closed.', opened)
  }

  #unexpected(wanted: string): ArithmeticError {
    const rest = this.#text.slice(this.#at)
    const token = /^(?:[\p{L}\p{N}_.]+|.)/u.exec(rest)?.[0]
    if (token === undefined) return new ArithmeticError(`Expected ${wanted}, but the expression ends.`, this.#at)
    const hint =
      token === "(" || /^\d.*\p{L}/u.test(token)
        ? " Write * to multiply."
        : token === ")" && this.#depth === 0
          ? " There is no open parenthesis here."
          : ""
    return new ArithmeticError(`Expected ${wanted}, not "${token}".${hint}`, this.#at)
  }
}

const finite = (value: number, at: number): number => {
  if (Number.isFinite(value)) return value
  throw new ArithmeticError("The result is too large to compute with.", at)
}

const nonZero = (value: number, at: number, what: string): number => {
  if (value !== 0) return value
  throw new ArithmeticError(`Cannot ${what} by zero.`, at)
}
