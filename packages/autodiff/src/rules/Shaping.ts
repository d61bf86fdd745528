/** Gradients of operators that move elements; g is the output's gradient, which is moved back. */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import * as Type from "@thaw/onnx/Type"
import type { Value } from "@thaw/onnx/Value"
import * as Rule from "../Rule.ts"

const fromLengths = Rule.none("its contents come from lengths, which are whole numbers")

/** `g` with zeros before and after it along `axis`, as many as the slice left out. */
const padded = (g: Value, axis: number, before: number, after: number): Value => {
  const zeros = (length: number): Value =>
    Op.ConstantOfShape(
      Extent.all(g).map((extent, at) => (at === axis ? length : extent)),
      g.dtype,
      0,
    )
  const parts = [...(before > 0 ? [zeros(before)] : []), g, ...(after > 0 ? [zeros(after)] : [])]
  return parts.length === 1 ? g : Op.Concat(parts, { axis })
}

export const shaping = {
  // ∂xᵢ = the part of g that came from xᵢ
  Concat: Rule.make<"Concat">(({ inputs, attributes }, [g]) => {
    const axis = Shape.axis(g.shape.length, attributes.axis) ?? 0
    let end = 0
    return inputs.map((x) => {
      const start = end
      end += Number(x.shape[axis])
      const at = { starts: [start], ends: [end], axes: [axis] }
      return () => Op.Slice(g, at)
    })
  }),
  ConstantOfShape: fromLengths,
  // ∂x = g, summed where x was repeated
  Expand: Rule.make<"Expand">((_, [g]) => [() => g, undefined]),
  Range: fromLengths,
  // ∂x = g in x's shape
  Reshape: Rule.make<"Reshape">(({ inputs: [x] }, [g]) => [() => Op.ReshapeLike(g, x), undefined]),
  Shape: fromLengths,
  // ∂x = g where x was taken, 0 elsewhere
  Slice: Rule.make<"Slice">(({ inputs: [x, starts, ends, axes] }, [g]) => [
    () => {
      let whole = g
      for (const [at, index] of (Type.knownNumbers(axes) ?? []).entries()) {
        const axis = Shape.axis(x.shape.length, index) ?? 0
        const length = x.shape[axis]
        // Along an axis with a named length only the whole is ever taken.
        if (typeof length !== "number") continue
        const taken = Array.from({ length }, (_, place) => place).slice(
          Type.knownNumbers(starts)?.[at],
          Type.knownNumbers(ends)?.[at],
        )
        const before = taken[0] ?? 0
        whole = padded(whole, axis, before, length - before - taken.length)
      }
      return whole
    },
    undefined,
    undefined,
    undefined,
  ]),
  // ∂x = g in x's shape
  Squeeze: Rule.make<"Squeeze">(({ inputs: [, axes] }, [g]) => [
    () => Op.Unsqueeze(g, { axes: Type.knownNumbers(axes) ?? [] }),
    undefined,
  ]),
  // ∂x = g with the axes put back
  Transpose: Rule.make<"Transpose">(({ attributes: { perm } }, [g]) => [
    () => Op.Transpose(g, { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
  ]),
  // ∂x = g in x's shape
  Unsqueeze: Rule.make<"Unsqueeze">(({ inputs: [, axes] }, [g]) => [
    () => Op.Squeeze(g, { axes: Type.knownNumbers(axes) ?? [] }),
    undefined,
  ]),
}
