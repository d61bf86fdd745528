/**
 * Gradients of reading and writing at indices; g is the output's gradient.
 *
 * What was read twice gets the sum of both gradients. Sums by index go through ScatterElements: onnxruntime's adding
 * ScatterND is a data race when indices repeat.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import * as Value from "@thaw/onnx/Value"
import * as Rule from "../Rule.ts"

const zerosLike = (x: Value.Value): Value.Value => Op.ConstantOfShape(Extent.all(x), x.dtype, 0)

/**
 * ∂data for output = Gather(data, indices, axis): g's slices added at their indices.
 *
 *     data     [before…, length, after…]
 *     indices  [picked…]                     g  [before…, picked…, after…]
 *     both as  [before…, product of picked, after…], which is what ScatterElements takes
 */
const addSlices = (data: Value.Value, indices: Value.Value, g: Value.Value, axis: number): Value.Value => {
  const extents = Extent.all(data)
  const [before, after] = [extents.slice(0, axis), extents.slice(axis + 1)]
  const flat = Op.Reshape(indices, [...before.map(() => 1), -1, ...after.map(() => 1)])
  const slices = [...before, Extent.of(flat, axis), ...after]
  return Op.ScatterElements(zerosLike(data), Op.Expand(flat, slices), Op.Reshape(g, slices), { axis, reduction: "add" })
}

/**
 * What lies at the indices of a ScatterND: `picked[i] = data[indices[i]]`, through one index into the flattened leading
 * axes (ONNX's GatherND without its own operator).
 */
const slicesAt = (data: Value.Value, indices: Value.Value): Value.Value => {
  const depth = Number(indices.shape.at(-1))
  const rank = indices.shape.length
  const extents = Extent.all(data)
  let place: Value.Value | undefined
  for (const [axis, extent] of extents.slice(0, depth).entries()) {
    const length = Extent.scalar(extent)
    const index = Op.Gather(indices, Value.scalar("int64", axis), { axis: rank - 1 })
    const fromStart = Op.Add(index, Op.Mul(Op.Cast(Op.Less(index, 0), "int64"), length))
    place = place === undefined ? fromStart : Op.Add(Op.Mul(place, length), fromStart)
  }
  const flat = depth === 1 ? data : Op.Reshape(data, [-1, ...extents.slice(depth)])
  return Op.Gather(flat, place!, { axis: 0 })
}

export const indexing = {
  // ∂data[indices[i]] += g[i]
  Gather: Rule.make<"Gather">(({ inputs: [data, indices], attributes }, [g]) => [
    () => addSlices(data, indices, g, Shape.axis(data.shape.length, attributes.axis) ?? 0),
    undefined,
  ]),
  // ∂data[indices[i][j]][j] += g[i][j]
  GatherElements: Rule.make<"GatherElements">(({ inputs: [data, indices], attributes: { axis } }, [g]) => [
    () => Op.ScatterElements(zerosLike(data), indices, g, { axis, reduction: "add" }),
    undefined,
  ]),
  // none: ∂data = g with zeros where it was overwritten; add: ∂data = g.  ∂updates[i][j] = g[indices[i][j]][j]
  ScatterElements: Rule.make<"ScatterElements">(
    ({ inputs: [, indices, updates], attributes: { axis, reduction } }, [g]) => [
      () => (reduction === "add" ? g : Op.ScatterElements(g, indices, zerosLike(updates), { axis })),
      undefined,
      () => Op.GatherElements(g, indices, { axis }),
    ],
  ),
  // ∂data = g with zeros where it was overwritten, ∂updates[i] = g[indices[i]]
  ScatterND: Rule.make<"ScatterND">(({ inputs: [, indices, updates] }, [g]) => [
    () => Op.ScatterND(g, indices, zerosLike(updates)),
    undefined,
    () => slicesAt(g, indices),
  ]),
}
