/** Balancers that look at gradients. */
import * as Seed from "@thaw/core/Seed"
import * as Balance from "@thaw/steps/Balance"
import * as CAGrad from "@thaw/steps/balance/CAGrad"
import * as EqualNorms from "@thaw/steps/balance/EqualNorms"
import * as PCGrad from "@thaw/steps/balance/PCGrad"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import { machine } from "./world.ts"

type Vector = ReadonlyArray<number>
const dot = (a: Vector, b: Vector) => a.reduce((sum, each, at) => sum + each * b[at]!, 0)
const productsOf = (vectors: ReadonlyArray<Vector>) => vectors.map((a) => vectors.map((b) => dot(a, b)))
const sum = (coefficients: ReadonlyArray<number>, vectors: ReadonlyArray<Vector>) =>
  vectors[0]!.map((_, at) => coefficients.reduce((all, each, task) => all + each * vectors[task]![at]!, 0))

interface Case {
  readonly gradients: ReadonlyArray<Vector>
  readonly orders: ReadonlyArray<Vector>
  readonly pcGrad: Vector
  readonly c: number
  readonly caGrad: Vector
  readonly objective: number
}
const cases = Golden.read("combinations") as ReadonlyArray<Case>

const vectors = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 6 })).chain(([tasks, size]) =>
  fc.array(
    fc
      .array(fc.integer({ min: -50, max: 50 }), { minLength: size, maxLength: size })
      .filter((each) => each.some((value) => value !== 0)),
    { minLength: tasks, maxLength: tasks },
  ),
)

describe("PCGrad", () => {
  it.each(cases.map((each, at) => ({ ...each, at })))("is the algorithm on whole vectors ($at)", (given) => {
    const found = sum(PCGrad.coefficients(productsOf(given.gradients), given.orders), given.gradients)
    found.forEach((each, at) => expect(each).toBeCloseTo(given.pcGrad[at]!, 9))
  })

  it("takes out of two gradients that conflict what points against the other", () => {
    const found = PCGrad.coefficients(
      productsOf([
        [1, 0],
        [-1, 1],
      ]),
      [[1], [0]],
    )
    // (1, 0) loses −½·(−1, 1), which leaves (½, ½); (−1, 1) loses −(1, 0), which leaves (0, 1).
    expect(
      sum(found, [
        [1, 0],
        [-1, 1],
      ]),
    ).toEqual([0.5, 1.5])
  })

  it("leaves gradients alone that agree, and those of zero", () => {
    expect(
      PCGrad.coefficients(
        productsOf([
          [1, 2],
          [2, 1],
        ]),
        [[1], [0]],
      ),
    ).toEqual([1, 1])
    expect(
      PCGrad.coefficients(
        productsOf([
          [1, 2],
          [0, 0],
        ]),
        [[1], [0]],
      ),
    ).toEqual([1, 1])
  })

  it("gives of two tasks a sum that points against neither", () => {
    fc.assert(
      fc.property(vectors, ([a, b]) => {
        const both = [a!, b!]
        const found = sum(PCGrad.coefficients(productsOf(both), [[1], [0]]), both)
        const scale = dot(a!, a!) + dot(b!, b!)
        for (const each of both) expect(dot(found, each)).toBeGreaterThan(-1e-9 * scale)
      }),
    )
  })

  it("meets the others in an order from the run's seed and the update, and in no other", () => {
    const gram = {
      tasks: ["a", "b", "c"],
      products: productsOf([
        [1, 0.2],
        [-1, 1],
        [0.1, -2],
      ]),
    }
    const told = (seed: number, update: number) =>
      machine(Balance.pcGrad(), { tasks: gram.tasks, seed: Seed.make(seed) }).combine!(gram, update)
    expect(told(7, 3)).toEqual(told(7, 3))
    const over = Array.from({ length: 20 }, (_, update) => JSON.stringify(told(7, update)))
    expect(new Set(over).size).toBeGreaterThan(1)
  })
})

describe("CAGrad", () => {
  it.each(cases.map((each, at) => ({ ...each, at })))("is what a search over the simplex finds ($at)", (given) => {
    const products = productsOf(given.gradients)
    const mean = given.gradients[0]!.map(
      (_, at) => given.gradients.reduce((all, each) => all + each[at]!, 0) / given.gradients.length,
    )
    const root = given.c * Math.sqrt(dot(mean, mean))
    const u = CAGrad.minimiser(products, root)
    expect(u.reduce((all, each) => all + each, 0)).toBeCloseTo(1, 12)
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0)
    expect(CAGrad.objective(products, u, root)).toBeLessThan(given.objective + 1e-9)
    const found = sum(CAGrad.coefficients(products, given.c), given.gradients)
    // The least is flat: its place is known less well than its value.
    found.forEach((each, at) => expect(each).toBeCloseTo(given.caGrad[at]!, 3))
  })

  it("reaches no more than any other point of the simplex, and stays within c of the mean", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(vectors, weights, fc.constantFrom(0.1, 0.5, 0.9), (given, raw, c) => {
        const products = productsOf(given)
        const parts = given.map((_, at) => raw[at]! + 1)
        const all = parts.reduce((total, each) => total + each, 0)
        const mean = sum(
          given.map(() => 1 / given.length),
          given,
        )
        const norm = Math.sqrt(dot(mean, mean))
        const best = CAGrad.objective(products, CAGrad.minimiser(products, c * norm), c * norm)
        const other = CAGrad.objective(
          products,
          parts.map((each) => each / all),
          c * norm,
        )
        expect(best).toBeLessThanOrEqual(other + 1e-7 * (1 + Math.abs(other)))
        const d = sum(CAGrad.coefficients(products, c), given).map((each, at) => each / given.length - mean[at]!)
        expect(Math.sqrt(dot(d, d))).toBeLessThan(c * norm * (1 + 1e-6) + 1e-9)
      }),
    )
  })

  it("is the plain sum with c = 0", () => {
    expect(
      CAGrad.coefficients(
        productsOf([
          [1, 0],
          [-1, 1],
        ]),
        0,
      ),
    ).toEqual([1, 1])
  })
})

describe("equal norms", () => {
  it("makes every gradient as long as their mean and leaves zero alone", () => {
    const given = [
      [3, 4],
      [0, 15],
      [0, 0],
    ]
    const found = EqualNorms.coefficients(productsOf(given))
    const lengths = given.map((each, at) => found[at]! * Math.sqrt(dot(each, each)))
    expect(lengths).toEqual([20 / 3, 20 / 3, 0].map((each) => expect.closeTo(each, 12)))
  })
})

describe("GradNorm", () => {
  const gram = (a: number, b: number) => ({
    tasks: ["a", "b"],
    products: [
      [a * a, 0],
      [0, b * b],
    ],
  })

  it("moves no weight before every task has its first losses", () => {
    const { start, updated, weights } = machine(Balance.gradNorm({ initialUpdates: 2 }))
    const once = updated(start, { losses: { a: 1, b: 1 }, gram: gram(5, 1) })
    expect(weights(once)).toEqual({ a: 1, b: 1 })
    const twice = updated(once, { losses: { a: 1, b: 1 }, gram: gram(5, 1) })
    expect(weights(twice)["a"]).toBeLessThan(1)
  })

  it("comes to equal norms with alpha 0, the sum of the weights kept", () => {
    const { start, updated, weights } = machine(Balance.gradNorm({ alpha: 0, initialUpdates: 1, rate: 0.002 }))
    let state = start
    for (let at = 0; at < 3000; at++) state = updated(state, { losses: { a: 1, b: 1 }, gram: gram(3, 1) })
    const found = weights(state)
    expect(found["a"]! + found["b"]!).toBeCloseTo(2, 9)
    expect(found["b"]! / found["a"]!).toBeGreaterThan(2.9)
    expect(found["b"]! / found["a"]!).toBeLessThan(3.1)
  })

  it("helps the task that lags behind", () => {
    const { start, updated, weights } = machine(Balance.gradNorm({ initialUpdates: 1 }))
    const first = updated(start, { losses: { a: 1, b: 1 }, gram: gram(1, 1) })
    const later = updated(first, { losses: { a: 0.9, b: 0.1 }, gram: gram(1, 1) })
    expect(weights(later)["a"]).toBeGreaterThan(weights(later)["b"]!)
  })

  it("keeps the sum where an update has some of the tasks only", () => {
    const { start, updated, weights } = machine(Balance.gradNorm({ initialUpdates: 1 }))
    const first = updated(start, { losses: { a: 1, b: 1 }, gram: gram(3, 1) })
    const second = updated(first, { losses: { a: 1 }, gram: { tasks: ["a"], products: [[9]] } })
    expect(weights(second)["a"]).toBeCloseTo(weights(first)["a"]!, 12)
    expect(weights(second)["b"]).toBe(weights(first)["b"])
  })
})
