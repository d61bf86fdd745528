/** How many elements a mean is taken over, as a scalar of the value's data type. */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"

/** The product of the value's lengths along these axes (from 0); read when the graph runs where one has a name. */
export const along = (value: Value.Value, axes: ReadonlyArray<number>): Value.Value => {
  const lengths = axes.map((axis) => value.shape[axis]!)
  if (lengths.every((length) => typeof length === "number")) {
    return Value.scalar(
      value.dtype,
      lengths.reduce((product, length) => product * length, 1),
    )
  }
  const extents = axes.map((axis) => Extent.scalar(Extent.of(value, axis)))
  return Op.Cast(
    extents.reduce((product, extent) => Op.Mul(product, extent)),
    value.dtype,
  )
}
