/**
 * Cross-entropy of class scores: the mean over labelled units of −log softmax(logits)[label], or, smoothed by ε, of the
 * cross-entropy with a target that has 1 − ε on the label and ε spread over all classes (Szegedy et al., arXiv
 * 1512.00567, section 7; `torch.nn.CrossEntropyLoss(label_smoothing=ε)`):
 *
 *   −(1 − ε)·log softmax(logits)[label] − ε·mean over classes of log softmax(logits)
 *
 * Where classes have weights w, each unit counts as much as its label's class, in the sum and in what it is divided by
 * (`torch.nn.CrossEntropyLoss(weight=w)`); smoothed, with C classes, as torch composes the two:
 *
 *   Σ over units of −(1 − ε)·w[label]·log softmax(logits)[label] − ε/C·Σ over classes c of w[c]·log softmax(logits)[c]
 *   divided by Σ over units of w[label]
 *
 * A negative label means "none": it takes no part, neither in the sum nor in the count.
 */
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

export interface Options {
  /** ε in [0, 1); 0 unless given. */
  readonly smoothing?: number | undefined
  /** How much each class counts, at least 0; all alike unless given. */
  readonly classWeights?: ReadonlyArray<number> | undefined
  /**
   * What the sum is divided by, a scalar: labelled units of more batches than this one, each counted as its class
   * weighs, so that the losses of the batches add up to the mean over all. This batch's own unless given.
   */
  readonly units?: Value.Value | undefined
}

/**
 * @param logits `[units, classes]`
 * @param labels int32 `[units]`; at least one of them ≥ 0, or the loss is 0
 * @returns a scalar
 */
export const loss = (logits: Value.Value, labels: Value.Value, options: Options = {}): Value.Value => {
  const { smoothing = 0, classWeights, units } = options
  const labelled = Op.Cast(Op.GreaterOrEqual(labels, 0), "float32")
  const index = Op.Unsqueeze(Op.Max(labels, 0), { axes: [1] })
  const logSoftmax = Op.LogSoftmax(logits, { axis: -1 })
  const ofLabel = Op.Squeeze(Op.GatherElements(logSoftmax, index, { axis: 1 }), { axes: [1] })
  if (classWeights === undefined) {
    const logLikelihood = smoothing === 0 ? ofLabel : smoothed(ofLabel, logSoftmax, smoothing)
    return mean(logLikelihood, labelled, units ?? Op.Max(total(labelled), 1))
  }
  const weights = Value.constant(Tensor.float32([classWeights.length], classWeights))
  const weight = Op.Gather(weights, Op.Max(labels, 0))
  const weighed = Op.Mul(ofLabel, weight)
  const logLikelihood = smoothing === 0 ? weighed : smoothed(weighed, Op.Mul(logSoftmax, weights), smoothing)
  return mean(logLikelihood, labelled, units ?? positive(total(Op.Mul(weight, labelled))))
}

/**
 * What the sum is divided by, for labels of a batch; 0 where none counts.
 *
 * @param labels int32, of any form
 */
export const counted = (labels: Tensor.Tensor, classWeights?: Options["classWeights"]): number =>
  Tensor.numbers(labels).reduce(
    (sum, label) => (label < 0 ? sum : sum + (classWeights === undefined ? 1 : classWeights[label]!)),
    0,
  )

const total = (of: Value.Value): Value.Value => Op.ReduceSum(of, { axes: [0], keepdims: 0 })

const mean = (logLikelihood: Value.Value, labelled: Value.Value, units: Value.Value): Value.Value =>
  Op.Neg(Op.Div(total(Op.Mul(logLikelihood, labelled)), units))

/** 1 in place of 0: where nothing counts the sum is 0 too. */
const positive = (units: Value.Value): Value.Value => Op.Where(Op.Greater(units, 0), units, 1)

/** [units] */
const smoothed = (ofLabel: Value.Value, logSoftmax: Value.Value, smoothing: number): Value.Value =>
  Op.Add(Op.Mul(ofLabel, 1 - smoothing), Op.Mul(Op.ReduceMean(logSoftmax, { axes: [1], keepdims: 0 }), smoothing))
