import * as Artifact from "@thaw/core/Artifact"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as Lora from "@thaw/models/Lora"
import * as Parameter from "@thaw/models/Parameter"
import * as Peft from "@thaw/models/Peft"
import * as Seed from "@thaw/core/Seed"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import * as GoldenLora from "./lora.ts"

const folder = async (checkpoint: Checkpoint.Checkpoint, task?: string) => {
  const files = await Effect.runPromise(Effect.flatMap(Peft.of(checkpoint, task), Peft.Peft.write))
  const text = await Effect.runPromise(Artifact.readText(files, "adapter_config.json"))
  const bytes = await Effect.runPromise(Artifact.readBytes(files, "adapter_model.safetensors"))
  const { tensors } = await Effect.runPromise(Safetensors.decode(bytes))
  return { names: [...files.keys()], config: JSON.parse(text) as Peft.Config, tensors }
}
const trained = async () => GoldenLora.checkpointOf(await GoldenLora.final())

/** Upstream's names of the sentence heads' modules. */
const saved = {
  bert: ["bert.pooler.dense", "classifier"],
  distilbert: ["pre_classifier", "classifier"],
  electra: ["classifier.dense", "classifier.out_proj"],
  modernbert: ["head.dense", "head.norm", "classifier"],
  mpnet: ["classifier.dense", "classifier.out_proj"],
  roberta: ["classifier.dense", "classifier.out_proj"],
} as const satisfies Readonly<Record<Golden.FamilyName, ReadonlyArray<string>>>

/** A checkpoint whose numbers do not matter. */
const random = (
  family: Golden.FamilyName,
  targets: ReadonlyArray<Lora.Target>,
  heads: Checkpoint.Checkpoint["heads"] = { topic: Golden.heads["topic"]! },
): Checkpoint.Checkpoint => {
  const lora = { ...GoldenLora.settings, targets: targets as unknown as Lora.Settings["targets"] }
  const given = GoldenLora.checkpointOf({}, { ...Golden.configOf(family), lora })
  const checkpoint = { ...given, heads }
  const parameters = Checkpoint.parameters(checkpoint)
  const named = parameters.map((each) => [each.name, Parameter.initialise(each, Seed.make(1))] as const)
  return { ...checkpoint, weights: Artifact.bytes(Safetensors.encode(Object.fromEntries(named))) }
}

describe("adapters in PEFT's form", () => {
  it("laid over the encoder that training started with give PyTorch's logits", async () => {
    const { config, tensors } = await folder(await trained(), "topic")
    const weights: Record<string, Tensor.Tensor> = { ...(await Golden.weightsOf("bert", "initial")) }
    const scale = config.lora_alpha / config.r
    for (const [name, A] of Object.entries(tensors)) {
      const module = /^base_model\.model\.(.+)\.lora_A\.weight$/.exec(name)?.[1]
      if (module === undefined) continue
      const [a, b] = [A, tensors[`base_model.model.${module}.lora_B.weight`]!].map(Tensor.numbers)
      const inputs = A.shape[1]!
      const base = weights[`${module}.weight`]!
      const sum = Tensor.numbers(base).map((value, at) => {
        const [row, column] = [Math.floor(at / inputs), at % inputs]
        const low = Array.from(
          { length: config.r },
          (_, rank) => b![row * config.r + rank]! * a![rank * inputs + column]!,
        )
        return value + scale * low.reduce((total, each) => total + each, 0)
      })
      weights[`${module}.weight`] = Tensor.float32(base.shape, sum)
    }
    weights["head.topic.classifier.weight"] = tensors["base_model.model.classifier.weight"]!
    weights["head.topic.classifier.bias"] = tensors["base_model.model.classifier.bias"]!
    weights["head.topic.pooler.dense.weight"] = tensors["base_model.model.bert.pooler.dense.weight"]!
    weights["head.topic.pooler.dense.bias"] = tensors["base_model.model.bert.pooler.dense.bias"]!
    const logits = await GoldenLora.answers(GoldenLora.checkpointOf(weights, Golden.configOf("bert")))
    const expected = await Golden.weightsOf("bert", "lora.logits")
    expect(GoldenLora.difference(logits["logits.topic"]!, expected["logits.topic"]!)).toBeLessThan(1e-5)
  })

  it("have PEFT's files, settings and names", async () => {
    const { names, config, tensors } = await folder(await trained(), "topic")
    expect(names).toEqual(["adapter_config.json", "adapter_model.safetensors"])
    expect(config).toEqual({
      peft_type: "LORA",
      task_type: "SEQ_CLS",
      r: 4,
      lora_alpha: 8,
      lora_dropout: 0,
      // BERT has a second `output.dense`, of attention, which is not adapted.
      target_modules: ["0.output.dense", "1.output.dense", "query", "value"],
      modules_to_save: ["bert.pooler.dense", "classifier"],
      bias: "none",
      fan_in_fan_out: false,
      inference_mode: true,
      base_model_name_or_path: null,
    })
    const query = "base_model.model.bert.encoder.layer.0.attention.self.query"
    expect(tensors[`${query}.lora_A.weight`]!.shape).toEqual([4, 32])
    expect(tensors[`${query}.lora_B.weight`]!.shape).toEqual([32, 4])
    expect(Object.keys(tensors)).toHaveLength(2 * 6 + 4)
  })

  it("keep all heads under their own names where none is chosen", async () => {
    const { config, tensors } = await folder(await trained())
    expect(config.task_type).toBeNull()
    expect(config.modules_to_save).toContain("head.entities.classifier")
    expect(tensors["base_model.model.head.topic.classifier.weight"]!.shape).toEqual([3, 32])
    expect((await folder(await trained(), "entities")).config).toMatchObject({
      task_type: "TOKEN_CLS",
      modules_to_save: ["classifier"],
    })
  })

  it.each([
    ["bert", Lora.targets, ["key", "output.dense", "intermediate.dense", "query", "value"]],
    ["bert", ["attentionOutput"], ["attention.output.dense"]],
    ["distilbert", ["query", "intermediate"], ["lin1", "q_lin"]],
    ["electra", ["attentionOutput", "value"], ["attention.output.dense", "value"]],
    ["modernbert", ["query", "value", "output"], ["Wqkv", "mlp.Wo"]],
    ["mpnet", ["query", "attentionOutput"], ["o", "q"]],
    ["roberta", ["key"], ["key"]],
  ] as const)("of %s with %s name modules that no other module ends like", async (family, targets, ends) => {
    const { config } = await folder(random(family, targets))
    expect([...config.target_modules].sort()).toEqual([...ends].sort())
    expect(config.modules_to_save).toEqual(saved[family])
  })

  it("of ModernBERT are of a type where its config reads what the head does, and refused where it does not", async () => {
    const given = random("modernbert", ["query"])
    const of = (pooling: "cls" | "mean", told: "cls" | "mean" | undefined) => {
      const heads = { topic: { ...Head.classification({ pooling }), labels: ["a", "b", "c"] } }
      const json = { ...given.config.json, classifier_pooling: told }
      return Peft.of({ ...given, heads, config: { ...given.config, json } }, "topic")
    }
    for (const [pooling, told] of [
      ["cls", undefined],
      ["cls", "cls"],
      ["mean", "mean"],
    ] as const) {
      expect((await Effect.runPromise(of(pooling, told))).config.task_type).toBe("SEQ_CLS")
    }
    const message = async (...args: Parameters<typeof of>) =>
      (await Effect.runPromise(Effect.flip(of(...args)))).message
    expect(await message("mean", undefined)).toBe(
      'adapters, task "topic": expected a head over the first token, as the encoder\'s config.json says with classifier_pooling, got one over the mean. Train with Head.classification({ pooling: "cls" }), or use Export.huggingFace, which writes a config.json for each head.',
    )
    expect(await message("cls", "mean")).toMatch(/expected a head over the mean, .*, got one over the first token\./)
  })

  it.each(["bert", "roberta"] as const)(
    "have a head for numbers answer in the measure of the scores: %s",
    async (family) => {
      const stars = { kind: "regression", pooling: "cls", center: 30, scale: 12, labels: [] } as const
      const given = random(family, ["query"], { stars })
      const own = await Effect.runPromise(Checkpoint.tensors(given))
      const { tensors } = await folder(given)
      const [dense, last] =
        family === "bert" ? ["pooler.dense", "classifier"] : ["classifier.dense", "classifier.out_proj"]
      const numbers = (of: Safetensors.Tensors, name: string) => Tensor.numbers(of[name]!)
      const saved = (module: string, part: string) =>
        numbers(tensors, `base_model.model.${family === "bert" && module === dense ? "bert." : ""}${module}.${part}`)
      const kept = (module: string, part: string) => numbers(own, `head.stars.${module}.${part}`)
      expect(saved(dense, "weight")).toEqual(kept(dense, "weight"))
      expect(saved(last, "weight")).toEqual(kept(last, "weight").map((number) => Math.fround(12 * number)))
      expect(saved(last, "bias")).toEqual(kept(last, "bias").map((number) => Math.fround(12 * number + 30)))
    },
  )

  it("are read back as they were written", async () => {
    const given = await Effect.runPromise(Peft.of(await trained(), "topic"))
    const files = await Effect.runPromise(Peft.Peft.write(given))
    expect(await Effect.runPromise(Peft.Peft.read(files))).toEqual(given)
  })

  it("are refused of a checkpoint without any, and for a task without a head", async () => {
    const bare = GoldenLora.checkpointOf(await Golden.weightsOf("bert", "initial"), Golden.configOf("bert"))
    const message = async (checkpoint: Checkpoint.Checkpoint, task?: string) =>
      (await Effect.runPromise(Effect.flip(Peft.of(checkpoint, task)))).message
    expect(await message(bare)).toMatch(
      /expected a checkpoint that has low-rank adapters, got one without\. Train with/,
    )
    expect(await message(await trained(), "topics")).toMatch(/got "topics"\. Did you mean "topic"/)
  })
})
