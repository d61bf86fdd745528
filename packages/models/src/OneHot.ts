/**
 * Rows with a single 1, one for each id: times a table of a few rows they read it as Gather would, to the bit, and the
 * table's gradient is one product where Gather's would be a sum of thousands of rows on one thread.
 */
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

/**
 * @param ids int32, of any shape
 * @returns float32 [ids, rows]
 */
export const of = (ids: Value.Value, rows: number): Value.Value => {
  const all = Value.constant(Tensor.int32([1, rows], Array<undefined>(rows).keys()))
  return Op.Cast(Op.Equal(Op.Reshape(ids, [-1, 1]), all), "float32")
}
