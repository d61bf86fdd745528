/** Gradients of softmax and layer normalisation; y is the output, g its gradient. */
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import type { Value } from "@thaw/onnx/Value"
import * as Count from "../Count.ts"
import * as Rule from "../Rule.ts"

const sum = (terms: ReadonlyArray<Value | undefined>): Value =>
  terms.filter((term) => term !== undefined).reduce((total, term) => Op.Add(total, term))

export const normalisation = {
  // With x̂ = (x − Mean) · InvStdDev, Y = x̂ · Scale + B, and ĝ = g · Scale; means over the N normalised elements:
  //   ∂x = InvStdDev · (ĝ − mean(ĝ) − x̂ · mean(ĝ · x̂)),  ∂Scale = Σ g · x̂,  ∂B = Σ g     (Ba et al. 2016)
  // The statistics are outputs too: Mean adds gᴹ / N, InvStdDev adds −gᴵ · InvStdDev² · x̂ / N.
  LayerNormalization: Rule.make<"LayerNormalization">(
    ({ inputs: [x, scale], outputs: [, mean, invStdDev], attributes }, [g, gMean, gInvStdDev]) => {
      const first = Shape.axis(x.shape.length, attributes.axis) ?? 0
      const axes = x.shape.map((_, axis) => axis).slice(first)
      const normalised = Op.Mul(Op.Sub(x, mean), invStdDev)
      const throughY = (gY: Value): Value => {
        const scaled = Op.Mul(gY, scale)
        const along = Op.ReduceMean(Op.Mul(scaled, normalised), { axes })
        const centred = Op.Sub(scaled, Op.ReduceMean(scaled, { axes }))
        return Op.Mul(Op.Sub(centred, Op.Mul(normalised, along)), invStdDev)
      }
      const throughMean = (gM: Value): Value => Op.ExpandLike(Op.Div(gM, Count.along(x, axes)), x)
      const throughInvStdDev = (gI: Value): Value =>
        Op.Neg(Op.Mul(normalised, Op.Div(Op.Mul(gI, Op.Mul(invStdDev, invStdDev)), Count.along(x, axes))))
      return [
        () => sum([g && throughY(g), gMean && throughMean(gMean), gInvStdDev && throughInvStdDev(gInvStdDev)]),
        g && (() => Op.Mul(g, normalised)),
        g && (() => g),
      ]
    },
  ),

  // ∂x = g − exp(y) · Σ g
  LogSoftmax: Rule.make<"LogSoftmax">(({ outputs: [y], attributes: { axis } }, [g]) => [
    () => Op.Sub(g, Op.Mul(Op.Exp(y), Op.ReduceSum(g, { axes: [axis] }))),
  ]),

  // ∂x = y · (g − Σ g · y)
  Softmax: Rule.make<"Softmax">(({ outputs: [y], attributes: { axis } }, [g]) => [
    () => Op.Mul(y, Op.Sub(g, Op.ReduceSum(Op.Mul(g, y), { axes: [axis] }))),
  ]),
}
