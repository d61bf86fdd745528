import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import * as Sample from "@thaw/steps/Sample"
import * as Course from "@thaw/steps/sample/Course"
import type * as Sampling from "@thaw/steps/sample/Sampling"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Drawing from "./drawing.ts"

const pools = [
  { task: "topic", size: 96 },
  { task: "mood", size: 24 },
]
const tasksOf = (given: Drawing.Given, total?: number) =>
  Drawing.parts(Drawing.first(given, total)).map(({ task }) => task)
const all = (size: number) => Array.from({ length: size }, (_, row) => row)

describe("quota draws", () => {
  it("follow the mix exactly in every epoch, in an order of their own", () => {
    expect(Drawing.course({ pools }).perEpoch).toBe(15)
    const drawn = tasksOf({ pools }, 45)
    const epochs = [0, 1, 2].map((epoch) => drawn.slice(15 * epoch, 15 * epoch + 15))
    for (const epoch of epochs) expect(epoch.filter((task) => task === "mood")).toHaveLength(3)
    expect(new Set(epochs.map(String)).size).toBe(3)
  })

  it("see each example exactly once per pass", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), fc.nat(), (size, batch, value) => {
        const given = { pools: [{ task: "a", size }], batch, seed: Seed.make(value) }
        const seen = Drawing.rowsOf(Drawing.first(given, 3 * size), "a")
        for (let pass = 0; pass < 3; pass++) {
          const rows = seen.slice(pass * size, (pass + 1) * size)
          expect(rows.toSorted((a, b) => a - b)).toEqual(all(size))
        }
      }),
    )
  })

  it("walk every pass in another order", () => {
    const [first, second] = Drawing.first({ pools: [{ task: "a", size: 32 }], batch: 32 }, 2)
    expect(first!.parts[0]!.rows).not.toEqual(second!.parts[0]!.rows)
  })

  it("are full batches, or the whole task where that is smaller", () => {
    const given = { pools: [...pools, { task: "tiny", size: 3 }], mix: Sample.temperature({ temperature: 5 }) }
    const drawn = Drawing.parts(Drawing.first(given))
    expect(new Set(drawn.map(({ task, rows }) => `${task} ${rows.length}`))).toEqual(new Set(["topic 8", "mood 8", "tiny 3"])) // prettier-ignore
    for (const { task, rows } of drawn) if (task === "tiny") expect(rows.toSorted((a, b) => a - b)).toEqual(all(3))
  })

  it("repeat with the seed; another task changes no other's order of examples", () => {
    const moods = (given: Drawing.Given) => Drawing.rowsOf(Drawing.first(given, 60), "mood").slice(0, 40)
    expect(moods({ pools })).toEqual(moods({ pools }))
    expect(moods({ pools: [...pools, { task: "third", size: 24 }] })).toEqual(moods({ pools }))
    expect(moods({ pools, seed: Seed.make(8, "Train") })).not.toEqual(moods({ pools }))
  })

  it("give a task whose share is below one update an epoch its update in the epoch when it is due", () => {
    const given = { pools: [{ task: "a", size: 2_000 }, { task: "b", size: 20 }], batch: 100 } // prettier-ignore
    const drawn = tasksOf(given, 21 * 15)
    expect(drawn.filter((task) => task === "b")).toHaveLength(3)
  })

  it("draw a rehearsed task at its rate of what the mix gives it, and lengthen an epoch by as much", () => {
    const given = { pools: [{ task: "a", size: 800 }, { task: "b", size: 400, rate: 0.25 }], batch: 10 } // prettier-ignore
    expect(Drawing.course(given).perEpoch).toBe(90)
    const drawn = Drawing.first(given, 90)
    expect(Drawing.parts(drawn).filter(({ task }) => task === "b")).toHaveLength(10)
    expect(Drawing.rowsOf(drawn, "a").toSorted((a, b) => a - b)).toEqual(all(800))
  })

  it("are the same at rate 1 as without one; the rounding of a rate adds no update", () => {
    const plain = [{ task: "a", size: 30 }, { task: "b", size: 50 }] // prettier-ignore
    const rated = plain.map((pool) => ({ ...pool, rate: 1 }))
    expect(Drawing.first({ pools: rated }, 40)).toEqual(Drawing.first({ pools: plain }, 40))
    // 96 + 30 · 0.1 is 99.00000000000001 or so in the machine.
    for (const rate of [0.1, 0.3, 0.7]) {
      const pair = [{ task: "a", size: 96 - 30 * rate }, { task: "b", size: 30, rate }] // prettier-ignore
      expect(
        Course.epochOf(
          { mix: Sample.proportional() },
          pair,
          pair.map(({ size }) => size / 8),
        ),
      ).toBe(12)
    }
  })

  it("are refused for a task without examples, instead of never drawing it", () => {
    const start = (given: ReadonlyArray<Course.Pool>) => () => Drawing.course({ pools: given })
    expect(start([...pools, { task: "empty", size: 0 }])).toThrow(InvalidData)
    expect(start([...pools, { task: "empty", size: 0 }])).toThrow(
      'mix: expected training examples for every task, got none for "empty".',
    )
    expect(start([])).toThrow("got no tasks.")
  })
})

describe("independent draws", () => {
  /** Σ (observed − expected)² / expected. */
  const chiSquare = (observed: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
    Drawing.sum(observed.map((count, at) => (count - expected[at]!) ** 2 / expected[at]!))

  it("take tasks by their shares and examples evenly, by the chi-square test", () => {
    const given = { pools: [{ task: "a", size: 60 }, { task: "b", size: 30 }, { task: "c", size: 10 }], draw: "independent", mix: Sample.temperature({ temperature: 2 }) } as const // prettier-ignore
    const updates = 6_000
    const drawn = Drawing.first(given, updates)
    const tasks = Drawing.parts(drawn).map(({ task }) => task)
    const masses = [60, 30, 10].map(Math.sqrt)
    const observed = ["a", "b", "c"].map((task) => tasks.filter((each) => each === task).length)
    // 99.9 % of 2 degrees of freedom is 13.8, of 59 it is 98.3.
    expect(chiSquare(observed, masses.map((mass) => (updates * mass) / Drawing.sum(masses)))).toBeLessThan(13.8) // prettier-ignore
    const rows = Drawing.rowsOf(drawn, "a")
    expect(chiSquare(Drawing.times(rows, 60), Array<number>(60).fill(rows.length / 60))).toBeLessThan(98.3)
    // They do repeat an example before all were seen, which quotas never do.
    expect(new Set(rows.slice(0, 60)).size).toBeLessThan(60)
  })
})

describe("tasks that alternate", () => {
  const pair = [{ task: "a", size: 40 }, { task: "b", size: 17 }] // prettier-ignore
  const alternate = (atEnd: "stop" | "cycle" | "drop", total?: number) => {
    const given = { pools: pair, mix: Sample.alternate({ atEnd }) }
    return { perEpoch: Drawing.course(given).perEpoch, tasks: tasksOf(given, total).join("") }
  }

  it("end an epoch with the shortest", () => {
    expect(alternate("stop")).toEqual({ perEpoch: 6, tasks: "ababab".repeat(3) })
  })

  it("begin the shortest again", () => {
    expect(alternate("cycle", 16)).toEqual({ perEpoch: 8, tasks: "ab".repeat(8) })
  })

  it("go on without those that are at their end", () => {
    expect(alternate("drop")).toEqual({ perEpoch: 8, tasks: "abababaa".repeat(3) })
  })
})

describe("heterogeneous batches", () => {
  it("hold rows of several tasks, as many of each in an epoch as it has examples", () => {
    const drawn = Drawing.first({ pools, batches: "heterogeneous" }, 45)
    expect(drawn.some(({ parts }) => parts.length === 2)).toBe(true)
    for (const { parts } of drawn) expect(Drawing.sum(parts.map(({ rows }) => rows.length))).toBe(8)
    for (const epoch of [0, 1, 2]) {
      const own = drawn.slice(15 * epoch, 15 * epoch + 15)
      expect(Drawing.rowsOf(own, "topic").toSorted((a, b) => a - b)).toEqual(all(96))
      expect(Drawing.rowsOf(own, "mood").toSorted((a, b) => a - b)).toEqual(all(24))
    }
  })

  it("that hold every task have at least one row of each, and follow the mix over time", () => {
    const given = { pools: [{ task: "a", size: 960 }, { task: "b", size: 120 }, { task: "c", size: 2 }], batches: "everyTask", batch: 16 } as const // prettier-ignore
    const drawn = Drawing.first(given, 200)
    for (const { parts } of drawn) {
      expect(parts.map(({ task }) => task)).toEqual(["a", "b", "c"])
      expect(Drawing.sum(parts.map(({ rows }) => rows.length))).toBe(16)
    }
    // 16 rows by 960 : 120 : 2 are 14.20, 1.77 and 0.03: above one each 13.2 : 0.77 : 0 share the other 13.
    expect(Drawing.rowsOf(drawn, "c")).toHaveLength(200)
    expect(Drawing.rowsOf(drawn, "b").length / 200).toBeCloseTo(1 + (13 * 0.7745) / (13.1959 + 0.7745), 1)
  })

  it("that hold every task need room for each", () => {
    const tight = () => Drawing.course({ pools, batches: "everyTask", batch: 1 })
    expect(tight).toThrow(PipelineInvalid)
    expect(tight).toThrow("batch: expected at least 2 examples an update, one for each task, got 1.")
  })
})

describe("a task that is drawn too rarely", () => {
  const pools = [{ task: "a", size: 2_000 }, { task: "b", size: 40 }] // prettier-ignore
  const starved = (given: Partial<Drawing.Given>, total: number) => Course.starved(Drawing.course({ pools, batch: 100, ...given }), total) // prettier-ignore

  it("is named when some epochs, or the whole phase, may have no update for it", () => {
    const advice = "Raise its share: Sample.temperature, Sample.weights, or repeat."
    expect(starved({}, 21)).toEqual([{ risky: true, message: `b is drawn in 0.41 of 21 updates, so perhaps in none. ${advice}` }]) // prettier-ignore
    expect(starved({}, 63)).toEqual([{ risky: false, message: `b is drawn in 0.41 updates an epoch, so in some epochs in none. ${advice}` }]) // prettier-ignore
    expect(starved({ mix: Sample.temperature({ temperature: 2 }) }, 21)).toEqual([])
  })

  it("is not named where batches have single rows of it", () => {
    expect(starved({ batches: "heterogeneous" }, 21)).toEqual([])
    expect(starved({ batches: "everyTask" }, 21)).toEqual([])
  })
})

describe("annealed draws", () => {
  it("have in each epoch the shares of that epoch", () => {
    const given = { pools: [{ task: "a", size: 100 }, { task: "b", size: 900 }], batch: 10, mix: Sample.annealed() } // prettier-ignore
    const drawn = tasksOf(given, 500)
    const counts = [0, 1, 2, 3, 4].map((epoch) => drawn.slice(100 * epoch, 100 * epoch + 100).filter((task) => task === "a").length) // prettier-ignore
    const expected = [0, 1, 2, 3, 4].map((epoch) => 100 / (1 + 9 ** (1 - 0.2 * epoch)))
    counts.forEach((count, epoch) => expect(Math.abs(count - expected[epoch]!)).toBeLessThan(1.5))
    expect(counts[0]).toBe(10)
  })

  it("are expected as they are drawn", () => {
    const given = { pools: [{ task: "a", size: 100 }, { task: "b", size: 900 }], batch: 10, mix: Sample.annealed() } // prettier-ignore
    const expected = Course.expected(Drawing.course(given), 500)
    const drawn = tasksOf(given, 500)
    expect(Drawing.sum(expected.map(({ updates }) => updates[0]!))).toBeCloseTo(drawn.filter((task) => task === "a").length, -1) // prettier-ignore
  })
})

describe("a million examples against five thousand", () => {
  const large = [{ task: "large", size: 1_000_000 }, { task: "small", size: 5_000 }] // prettier-ignore

  it("are drawn as the mix says", () => {
    for (const [mix, share] of [
      [Sample.proportional(), 5 / 1005],
      [Sample.temperature({ temperature: 2 }), 0.06604],
      [Sample.proportional({ cap: 5_000 }), 0.5],
    ] as const) {
      const given = { pools: large, batch: 32, mix }
      expect(Drawing.course(given).perEpoch).toBe(31_407)
      const drawn = tasksOf(given, 31_407)
      const small = drawn.filter((task) => task === "small").length
      expect(Math.abs(small - share * 31_407)).toBeLessThan(1)
    }
  })

  it("are passed over up to any update, and draw what comes after it", () => {
    const given = { pools: large, batch: 32, mix: Sample.temperature({ temperature: 2 }) }
    const on = Drawing.start(given, 62_814)
    Drawing.take(on, 30_000)
    const again = Drawing.start(given, 62_814)
    for (let passed = 0; passed < 30_000; passed++) again.next()
    expect(Drawing.take(again, 5)).toEqual(Drawing.take(on, 5))
  })
})

/** Any way to draw. */
const lengths = (size: number) => all(size).map((row) => 3 + ((row * 7) % 30))
const mixes = fc.constantFrom(
  Sample.proportional(),
  Sample.temperature({ temperature: 3, repeat: { b: 2 } }),
  Sample.annealed(),
  Sample.alternate({ atEnd: "stop" }),
  Sample.alternate({ atEnd: "cycle" }),
  Sample.alternate({ atEnd: "drop" }),
  Sample.weights({ a: 1, b: 3, c: 0.2 }),
  Sample.scheduleOf((done) => ({ a: 1 - done, b: done, c: 0.2 }), { intervals: 4 }),
)
const curricula = fc.constantFrom(
  {},
  { a: Sample.curriculum({ by: Sample.length() }) },
  { a: Sample.curriculum({ by: Sample.length(), pacing: "linear", from: 0.3, over: 1 }), b: Sample.curriculum({ by: Sample.length() }) }, // prettier-ignore
)
const classes = fc.constantFrom(
  {},
  { a: Sample.oversample() },
  { b: Sample.undersample(), c: Sample.weighted({ by: Sample.inverseFrequency() }) },
)
const introductions = fc.constantFrom<Array<Partial<Sampling.Sampling>>>(
  {},
  { introduction: Sample.richestFirst() },
  { introduction: Sample.introduce({ c: { from: 0.2, until: 0.4 } }) },
)
const sampling = fc
  .record({
    mix: mixes,
    draw: fc.constantFrom("quota" as const, "independent" as const),
    batching: fc.constantFrom<Array<Partial<Sampling.Sampling>>>(
      { batches: "homogeneous" },
      { batches: "homogeneous", tokenBudget: Sample.tokenBudget({ tokens: 90, window: 16 }) },
      { batches: "heterogeneous" },
      { batches: "heterogeneous", tokenBudget: Sample.tokenBudget({ tokens: 90, window: 16 }) },
      { batches: "everyTask" },
    ),
    curriculum: curricula,
    classes,
    introduction: introductions,
    accumulate: fc.integer({ min: 1, max: 3 }),
    sizes: fc.tuple(fc.integer({ min: 3, max: 60 }), fc.integer({ min: 3, max: 30 }), fc.integer({ min: 3, max: 9 })),
    value: fc.nat(),
  })
  .filter(({ mix, batching }) => mix._tag !== "alternate" || batching.batches === "homogeneous")
  .map(({ batching, introduction, sizes, value, ...told }): Drawing.Given => ({
    ...told,
    ...batching,
    ...introduction,
    batch: 4,
    seed: Seed.make(value),
    pools: sizes.map((size, at) => ({
      task: "abc"[at]!,
      size,
      lengths: lengths(size),
      difficulty: lengths(size),
      classes: all(size).map((row) => (row % 5 === 0 ? 0 : row % 2)),
    })),
  }))

describe("every mix, mode, batching, balance and curriculum", () => {
  it("goes on after a kill as if undisturbed", () => {
    fc.assert(
      fc.property(sampling, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), (given, total, at) => {
        const undisturbed = Drawing.first(given, total, total)
        const after = Drawing.start(given, total)
        for (let passed = 0; passed < Math.min(at, total); passed++) after.next()
        expect(Drawing.take(after, total - Math.min(at, total))).toEqual(undisturbed.slice(at))
      }),
      { numRuns: 200 },
    )
  })

  it("draws rows that are there, and never nothing", () => {
    fc.assert(
      fc.property(sampling, fc.integer({ min: 1, max: 40 }), (given, total) => {
        for (const { task, rows } of Drawing.parts(Drawing.first(given, total, total))) {
          const { size } = given.pools.find((pool) => pool.task === task)!
          expect(rows.length).toBeGreaterThan(0)
          for (const row of rows) expect(row >= 0 && row < size).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
  })

  it("draws no example a second time in a quota before all others of its task that may be drawn", () => {
    const plain = sampling.filter(({ draw, classes: balanced, curriculum }) => draw === "quota" && Object.keys(balanced ?? {}).length + Object.keys(curriculum ?? {}).length === 0) // prettier-ignore
    fc.assert(
      fc.property(plain, fc.integer({ min: 1, max: 40 }), (given, total) => {
        const drawn = Drawing.first(given, total, total)
        for (const { task, size } of given.pools) {
          const rows = Drawing.rowsOf(drawn, task)
          // Batches of a window come in random order, so passes are told apart by their counts.
          if (given.tokenBudget === undefined || given.batches === "homogeneous") {
            const counts = Drawing.times(rows, size)
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
