import * as Dimension from "@thaw/onnx/Dimension"
import * as Shape from "@thaw/onnx/Shape"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

const names = { batch: 3, tokens: 5, heads: 2 }
const dimension = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc
    .array(fc.constantFrom("batch", "tokens", "heads", "2", "7"), { minLength: 1, maxLength: 4 })
    .map((factors) => factors.join("*")),
)
const value = (each: Dimension.Dimension): number => Number(Dimension.bind(each, names))

describe("a dimension", () => {
  it("has one spelling", () => {
    expect(Dimension.canonical("tokens*batch")).toBe("batch*tokens")
    expect(Dimension.canonical("batch * 4 * 2")).toBe("8*batch")
    expect(Dimension.canonical("2*3")).toBe(6)
    expect(Dimension.product(["tokens", 2, "batch", 1])).toBe("2*batch*tokens")
    expect(Dimension.product([])).toBe(1)
    expect(Dimension.product(["batch", 0])).toBe(0)
  })

  it("divides only when that is exact for every length", () => {
    expect(Dimension.quotient("batch*tokens", "tokens")).toBe("batch")
    expect(Dimension.quotient("384*batch", 12)).toBe("32*batch")
    expect(Dimension.quotient("batch", "batch")).toBe(1)
    expect(Dimension.quotient("batch", 2)).toBeUndefined()
    expect(Dimension.quotient(6, "batch")).toBeUndefined()
    expect(Dimension.quotient(7, 2)).toBeUndefined()
    expect(Dimension.quotient(7, 0)).toBeUndefined()
  })

  it("is a length or a name", () => {
    for (const good of [0, 7, "batch", "batch*tokens", "4*batch", "block.0_x"])
      expect(Dimension.isValid(good)).toBe(true)
    for (const bad of [-1, 1.5, Number.NaN, "", "batch+1", "batch*", "2x", "a b"])
      expect(Dimension.isValid(bad)).toBe(false)
  })

  it("multiplies and divides as the numbers behind the names do", () => {
    fc.assert(
      fc.property(dimension, dimension, (a, b) => {
        const product = Dimension.product([a, b])
        expect(value(product)).toBe(value(a) * value(b))
        expect(product).toBe(Dimension.product([b, a]))
        expect(Dimension.quotient(product, b)).toBe(Dimension.canonical(a))
        const quotient = Dimension.quotient(a, b)
        if (quotient !== undefined) expect(value(quotient) * value(b)).toBe(value(a))
      }),
    )
  })
})

describe("broadcasting", () => {
  it("joins named dimensions with themselves and with 1 only", () => {
    expect(Shape.broadcast(["batch", 1, 4], ["tokens", 1])).toEqual(["batch", "tokens", 4])
    expect(Shape.broadcast(["batch", 4], [4])).toEqual(["batch", 4])
    expect(Shape.broadcast([], ["batch"])).toEqual(["batch"])
    expect(Shape.broadcast(["batch"], ["tokens"])).toBeUndefined()
    expect(Shape.broadcast(["batch"], [4])).toBeUndefined()
    expect(Shape.broadcast([3], [4])).toBeUndefined()
    expect(Shape.broadcast([0], [1])).toEqual([0])
  })

  it("does not depend on order and agrees with the numbers behind the names", () => {
    const shape = fc.array(fc.constantFrom<Dimension.Dimension>(1, "batch", "tokens", 4), { maxLength: 3 })
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const joined = Shape.broadcast(a, b)
        expect(Shape.broadcast(b, a)).toEqual(joined)
        if (joined !== undefined) {
          expect(Shape.broadcast(Shape.bind(a, names), Shape.bind(b, names))).toEqual(Shape.bind(joined, names))
        }
      }),
    )
  })
})

describe("axes", () => {
  it("count from the end when negative, and must exist once", () => {
    expect(Shape.axis(3, -1)).toBe(2)
    expect(Shape.axis(3, 3)).toBeUndefined()
    expect(Shape.axis(0, 0)).toBeUndefined()
    expect(Shape.axes(3, [-1, 0])).toEqual([0, 2])
    expect(Shape.axes(3, [-1, 2])).toBeUndefined()
  })
})
