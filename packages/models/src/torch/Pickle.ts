/**
 * The part of Python's pickle format (protocols 2 to 4, `pickletools` of CPython) that data needs. A pickle is a program
 * for a stack machine that may name any function of Python; here it may name only what the caller knows, and nothing is
 * ever called but that. Everything else is refused by its name, before anything is built.
 */
import type * as Problem from "@thaw/core/Problem"

/** What a pickle can hold. Dictionaries are Maps, so that no key means anything to JavaScript. */
export type Data = null | boolean | number | bigint | string | Tuple | List | Dictionary | Known | Made
export interface Tuple {
  readonly _tag: "Tuple"
  readonly items: ReadonlyArray<Data>
}
export interface List {
  readonly _tag: "List"
  readonly items: Array<Data>
}
export interface Dictionary {
  readonly _tag: "Dictionary"
  readonly entries: Map<Data, Data>
}
/** A name of Python's that the caller knows. */
export interface Known {
  readonly _tag: "Known"
  readonly name: string
  /** What calling it gives; undefined where it cannot be called so. */
  readonly call: (parameters: ReadonlyArray<Data>) => Data | undefined
}
/** What a known name gave; its meaning is the caller's. */
export interface Made {
  readonly _tag: "Made"
  readonly value: unknown
}

export interface Options {
  /** By `module.name`. */
  readonly known: ReadonlyMap<string, Known>
  /** What a persistent id stands for; undefined where it is none. */
  readonly persistent: (id: Data) => Data | undefined
}

/** What is wrong with the pickle; thrown here and nowhere let out. */
class Refused extends Error {
  readonly expected: string
  readonly got: string
  constructor(expected: string, got: string) {
    super(`${expected}, ${got}`)
    this.expected = expected
    this.got = got
  }
}

export type Loaded =
  | { readonly _tag: "Loaded"; readonly data: Data }
  | { readonly _tag: "Refused"; readonly problem: Pick<Problem.Problem, "expected" | "got"> }

export const load = (bytes: Uint8Array, options: Options): Loaded => {
  try {
    return { _tag: "Loaded", data: run(bytes, options) }
  } catch (cause) {
    if (cause instanceof Refused) {
      return { _tag: "Refused", problem: { expected: cause.expected, got: cause.got } }
    }
    throw cause
  }
}

const mark = Symbol("mark")

const run = (bytes: Uint8Array, { known, persistent }: Options): Data => {
  const input = reading(bytes)
  const stack: Array<Data | typeof mark> = []
  const memo = new Map<number, Data>()
  const push = (data: Data) => void stack.push(data)
  const pop = (): Data => {
    const top = stack.pop()
    if (top === undefined || top === mark)
      throw new Refused("a pickle whose stack holds what it takes", "an empty stack")
    return top
  }
  const popToMark = (): Array<Data> => {
    const at = stack.lastIndexOf(mark)
    if (at < 0) throw new Refused("a pickle with a mark where it takes one", "none")
    return stack.splice(at).slice(1) as Array<Data>
  }
  const top = (): Data => {
    const data = pop()
    push(data)
    return data
  }
  const tuple = (items: ReadonlyArray<Data>) => push({ _tag: "Tuple", items })
  const find = (name: string): Known => {
    const found = known.get(name)
    if (found === undefined) throw new Refused(`only ${[...known.keys()].join(", ")}`, name)
    return found
  }
  const get = (at: number) => {
    const found = memo.get(at)
    if (found === undefined) throw new Refused("a pickle that recalls what it has kept", `place ${at}`)
    push(found)
  }
  const add = (given: ReadonlyArray<Data>) => {
    const list = top()
    if (!is(list, "List")) throw new Refused("a list to append to", shown(list))
    for (const item of given) list.items.push(item)
  }
  const set = (given: ReadonlyArray<Data>) => {
    const target = top()
    if (!is(target, "Dictionary")) throw new Refused("a dictionary to fill", shown(target))
    for (let at = 0; at + 1 < given.length; at += 2) target.entries.set(given[at]!, given[at + 1]!)
  }
  const call = () => {
    const parameters = pop()
    const named = pop()
    if (!is(named, "Known") || !is(parameters, "Tuple")) throw new Refused("a known name to call", shown(named))
    const made = named.call(parameters.items)
    if (made === undefined) throw new Refused(`${named.name} of what it is made of`, shown(parameters))
    push(made)
  }
  const build = () => {
    pop()
    // Attributes of an OrderedDict: torch keeps versions of modules there.
    const target = top()
    if (!is(target, "Dictionary"))
      throw new Refused("attributes of nothing but dictionaries", `those of ${shown(target)}`)
  }
  const identify = (id: Data) => {
    const found = persistent(id)
    if (found === undefined) throw new Refused("persistent ids of storages", shown(id))
    push(found)
  }
  const globalOfStack = () => {
    const [name, module] = [pop(), pop()]
    if (typeof module !== "string" || typeof name !== "string") throw new Refused("names in text", shown(name))
    push(find(`${module}.${name}`))
  }
  const operations: { readonly [code: number]: () => void } = {
    0x80: () => void input.byte(), // PROTO
    0x95: () => void input.skip(8), // FRAME
    0x28: () => void stack.push(mark), // MARK
    0x30: () => void pop(), // POP
    0x4e: () => push(null), // NONE
    0x88: () => push(true), // NEWTRUE
    0x89: () => push(false), // NEWFALSE
    0x4a: () => push(input.int32()), // BININT
    0x4b: () => push(input.byte()), // BININT1
    0x4d: () => push(input.uint(2)), // BININT2
    0x8a: () => push(input.long(input.byte())), // LONG1
    0x47: () => push(input.float64()), // BINFLOAT
    0x58: () => push(input.text(input.uint(4))), // BINUNICODE
    0x8c: () => push(input.text(input.byte())), // SHORT_BINUNICODE
    0x29: () => tuple([]), // EMPTY_TUPLE
    0x74: () => tuple(popToMark()), // TUPLE
    0x85: () => tuple([pop()]), // TUPLE1
    0x86: () => tuple([pop(), pop()].toReversed()), // TUPLE2
    0x87: () => tuple([pop(), pop(), pop()].toReversed()), // TUPLE3
    0x5d: () => push({ _tag: "List", items: [] }), // EMPTY_LIST
    0x61: () => add([pop()]), // APPEND
    0x65: () => add(popToMark()), // APPENDS
    0x7d: () => push({ _tag: "Dictionary", entries: new Map() }), // EMPTY_DICT
    0x73: () => set([pop(), pop()].toReversed()), // SETITEM
    0x75: () => set(popToMark()), // SETITEMS
    0x71: () => void memo.set(input.byte(), top()), // BINPUT
    0x72: () => void memo.set(input.uint(4), top()), // LONG_BINPUT
    0x94: () => void memo.set(memo.size, top()), // MEMOIZE
    0x68: () => get(input.byte()), // BINGET
    0x6a: () => get(input.uint(4)), // LONG_BINGET
    0x63: () => push(find(`${input.line()}.${input.line()}`)), // GLOBAL
    0x93: globalOfStack, // STACK_GLOBAL
    0x51: () => identify(pop()), // BINPERSID
    0x52: call, // REDUCE
    0x62: build, // BUILD
  }
  for (;;) {
    const code = input.byte()
    if (code === stop) return pop()
    const operation = operations[code]
    if (operation === undefined) throw new Refused("a pickle of data", `operation 0x${code.toString(16)}`)
    operation()
  }
}

const stop = 0x2e

const is = <T extends "Tuple" | "List" | "Dictionary" | "Known" | "Made">(
  data: Data,
  tag: T,
): data is Extract<Data, { readonly _tag: T }> => typeof data === "object" && data !== null && data._tag === tag

const shown = (data: Data): string =>
  typeof data === "object" && data !== null
    ? is(data, "Known")
      ? data.name
      : `a ${data._tag.toLowerCase()}`
    : JSON.stringify(data, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)).slice(0, 80)

/** Little-endian numbers and text, one after the other. */
const reading = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (length: number): number => {
    if (length > bytes.byteLength - at) throw new Refused("a pickle that ends with a stop", "its end before")
    at += length
    return at - length
  }
  const byte = () => view.getUint8(take(1))
  return {
    byte,
    skip: take,
    uint: (length: 2 | 4) => (length === 2 ? view.getUint16(take(2), true) : view.getUint32(take(4), true)),
    int32: () => view.getInt32(take(4), true),
    float64: () => view.getFloat64(take(8)),
    /** Two's complement of any length. */
    long: (length: number): number | bigint => {
      const start = take(length)
      let whole = 0n
      for (let place = length - 1; place >= 0; place--) whole = (whole << 8n) | BigInt(bytes[start + place]!)
      const signed = BigInt.asIntN(8 * length, whole)
      const number = Number(signed)
      return Number.isSafeInteger(number) ? number : signed
    },
    text: (length: number) => {
      const start = take(length)
      return new TextDecoder().decode(bytes.subarray(start, start + length))
    },
    line: () => {
      const end = bytes.indexOf(0x0a, at)
      if (end < 0) throw new Refused("a pickle that ends with a stop", "its end before")
      const text = new TextDecoder().decode(bytes.subarray(at, end))
      at = end + 1
      return text
    },
  }
}
