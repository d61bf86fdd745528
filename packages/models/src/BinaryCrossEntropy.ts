/**
 * Binary cross-entropy of label scores, for several labels an example: the mean over the labelled cells of
 *
 *   −p·y·log σ(x) − (1 − y)·log(1 − σ(x))
 *
 * for the logit x, the answer y (1 where the example has the label, else 0) and the weight p of the label's positive cells
 * (`torch.nn.BCEWithLogitsLoss(pos_weight=p)`; transformers has p = 1). As torch has it, p counts in the sum and not in
 * what it is divided by.
 *
 * Both logarithms are those of a softmax over the two scores x and 0, which neither overflows nor loses the gradient
 * σ(x) − y anywhere, x = 0 included.
 *
 * A negative answer means "none": the cell takes no part, neither in the sum nor in the count. An example without a label
 * set is a row of them; an empty set is a row of zeros.
 */
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

export interface Options {
  /** p for each label, at least 0; 1 unless given. */
  readonly positiveWeights?: ReadonlyArray<number> | undefined
  /**
   * What the sum is divided by, a scalar: labelled cells of more batches than this one, so that the losses of the
   * batches add up to the mean over all. This batch's own unless given.
   */
  readonly units?: Value.Value | undefined
}

/**
 * @param logits `[units, classes]`
 * @param answers int32 `[units, classes]`: 1, 0 or, for none, negative; the loss is 0 where all are negative
 * @returns a scalar
 */
export const loss = (logits: Value.Value, answers: Value.Value, options: Options = {}): Value.Value => {
  const { positiveWeights, units } = options
  const labelled = Op.Cast(Op.GreaterOrEqual(answers, 0), "float32")
  const positive = Op.Cast(Op.Greater(answers, 0), "float32")
  const negative = Op.Sub(labelled, positive)
  const [has, lacks] = logSigmoids(logits)
  const weighed =
    positiveWeights === undefined
      ? positive
      : Op.Mul(positive, Value.constant(Tensor.float32([positiveWeights.length], positiveWeights)))
  const logLikelihood = Op.Add(Op.Mul(has, weighed), Op.Mul(lacks, negative))
  return Op.Neg(Op.Div(total(logLikelihood), units ?? Op.Max(total(labelled), 1)))
}

/**
 * What the sum is divided by, for answers of a batch: their labelled cells; 0 where there are none.
 *
 * @param answers int32 `[units, classes]`
 */
export const counted = (answers: Tensor.Tensor): number =>
  Tensor.numbers(answers).reduce((count, answer) => (answer < 0 ? count : count + 1), 0)

/** log σ(x) and log(1 − σ(x)) = log σ(−x), each in the form of x. */
const logSigmoids = (logits: Value.Value): readonly [Value.Value, Value.Value] => {
  const x = Op.Unsqueeze(logits, { axes: [2] })
  const both = Op.LogSoftmax(Op.Concat([x, Op.Mul(x, 0)], { axis: 2 }), { axis: 2 })
  const at = (place: number) =>
    Op.Squeeze(Op.Slice(both, { starts: [place], ends: [place + 1], axes: [2] }), { axes: [2] })
  return [at(0), at(1)]
}

const total = (of: Value.Value): Value.Value => Op.ReduceSum(of, { axes: [0, 1], keepdims: 0 })
