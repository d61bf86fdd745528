/**
 * Cross-entropy of class scores: the mean over labelled units of −log softmax(logits)[label], or, smoothed by ε, of the
 * cross-entropy with a target that has 1 − ε on the label and ε spread over all classes (Szegedy et al., arXiv
 * 1512.00567, section 7; `torch.nn.CrossEntropyLoss(label_smoothing=ε)`):
 *
 *   −(1 − ε)·log softmax(logits)[label] − ε·mean over classes of log softmax(logits)
 *
 * A negative label means "none": it takes no part, neither in the sum nor in the count.
 */
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"

export interface Options {
  /** ε in [0, 1); 0 unless given. */
  readonly smoothing?: number | undefined
  /**
   * What the sum is divided by, a scalar: labelled units of more batches than this one, so that the losses of the
   * batches add up to the mean over all. This batch's own unless given.
   */
  readonly units?: Value.Value | undefined
}

/**
 * @param logits `[units, classes]`
 * @param labels int32 `[units]`; at least one of them ≥ 0, or the loss is 0
 * @returns a scalar
 */
export const loss = (logits: Value.Value, labels: Value.Value, options: Options = {}): Value.Value => {
  const { smoothing = 0, units } = options
  const labelled = Op.Cast(Op.GreaterOrEqual(labels, 0), "float32")
  const index = Op.Unsqueeze(Op.Max(labels, 0), { axes: [1] })
  const logSoftmax = Op.LogSoftmax(logits, { axis: -1 })
  const ofLabel = Op.Squeeze(Op.GatherElements(logSoftmax, index, { axis: 1 }), { axes: [1] })
  const logLikelihood = smoothing === 0 ? ofLabel : smoothed(ofLabel, logSoftmax, smoothing)
  const sum = Op.ReduceSum(Op.Mul(logLikelihood, labelled), { axes: [0], keepdims: 0 })
  const count = units ?? Op.Max(Op.ReduceSum(labelled, { axes: [0], keepdims: 0 }), 1)
  return Op.Neg(Op.Div(sum, count))
}

/** [units] */
const smoothed = (ofLabel: Value.Value, logSoftmax: Value.Value, smoothing: number): Value.Value =>
  Op.Add(Op.Mul(ofLabel, 1 - smoothing), Op.Mul(Op.ReduceMean(logSoftmax, { axes: [1], keepdims: 0 }), smoothing))
