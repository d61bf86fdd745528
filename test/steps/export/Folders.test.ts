/** What is in an exported folder beside the weights, what is refused, and the step as pipelines call it. */
import path from "node:path"
import { env, pipeline } from "@huggingface/transformers"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as Artifact from "@thaw/core/Artifact"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import type * as HuggingFace from "@thaw/steps/export/HuggingFace"
import * as Freeze from "@thaw/steps/Freeze"
import type * as Scores from "@thaw/steps/Scores"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { parse } from "yaml"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"
import * as Checkpoints from "./checkpoints.ts"

env.allowRemoteModels = false
env.localModelPath = ""

const world = World.make()
afterAll(() => world.dispose())

const filesOf = async (checkpoint: Checkpoint.Checkpoint, settings: Partial<HuggingFace.Settings> = {}) =>
  Checkpoints.bytesOf(await Effect.runPromise(Checkpoints.exported(checkpoint, settings)))
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
const json = (bytes: Uint8Array | undefined) => JSON.parse(text(bytes)) as Readonly<Record<string, unknown>>
const failure = async (checkpoint: Checkpoint.Checkpoint, settings: Partial<HuggingFace.Settings> = {}) =>
  (await Effect.runPromise(Effect.flip(Checkpoints.exported(checkpoint, settings)))).message

const bert = Checkpoints.make("bert")
const mean = { ...Head.classification({ pooling: "mean" }), labels: ["good", "bad"] }
const withMean = Checkpoints.make("bert", { heads: { mood: mean, topic: Checkpoints.heads["topic"]! } })

const scores: Scores.Scores = {
  tasks: [
    {
      task: "topic",
      head: "classification",
      examples: 40,
      metrics: { accuracy: 0.912345, macroF1: 0.9, loss: 0.3 },
      majority: { accuracy: 0.5, macroF1: 0.3 },
      perLabel: [],
      confusion: [],
    },
    {
      task: "entities",
      head: "tokenClassification",
      examples: 20,
      metrics: { entityF1: 0.8, entityPrecision: 0.75, entityRecall: 0.85, tokenAccuracy: 0.99, loss: 0.1 },
      majority: {},
      perLabel: [],
      confusion: [],
    },
  ],
}

describe("an exported folder", () => {
  it("has a folder for the encoder, one for each task, a file with all heads, and a card", async () => {
    const onnx = ["onnx/model.onnx", "onnx/model_quantized.onnx"]
    const own = ["config.json", "model.safetensors", ...onnx, "tokenizer.json", "tokenizer_config.json"]
    const sentences = [
      "1_Pooling/config.json",
      "config_sentence_transformers.json",
      "modules.json",
      "sentence_bert_config.json",
    ]
    expect(Object.keys(await filesOf(bert)).sort()).toEqual(
      [
        "README.md",
        "all-heads.onnx",
        "all-heads_quantized.onnx",
        "heads.json",
        ...[...own, ...sentences].map((name) => `encoder/${name}`),
        ...["entities", "topic"].flatMap((task) => own.map((name) => `tasks/${task}/${name}`)),
      ].sort(),
    )
  })

  it("says to sentence-transformers how texts become vectors, in the spelling that all versions read", async () => {
    const files = await filesOf(bert, { pooling: "cls" })
    expect(json(files["encoder/modules.json"])).toEqual([
      { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
      { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
    ])
    expect(json(files["encoder/1_Pooling/config.json"])).toEqual({
      word_embedding_dimension: 32,
      pooling_mode_cls_token: true,
      pooling_mode_mean_tokens: false,
      pooling_mode_max_tokens: false,
      pooling_mode_mean_sqrt_len_tokens: false,
    })
    expect(json(files["encoder/sentence_bert_config.json"])).toEqual({ max_seq_length: 16, do_lower_case: false })
    const by = json((await filesOf(bert))["encoder/1_Pooling/config.json"])
    expect(by).toMatchObject({ pooling_mode_cls_token: false, pooling_mode_mean_tokens: true })
  })

  it("leaves nothing about the tokenizer to be guessed, and keeps what its settings say", async () => {
    expect(json((await filesOf(bert))["tasks/topic/tokenizer_config.json"])).toEqual({
      tokenizer_class: "BertTokenizer",
      pad_token: "[PAD]",
      cls_token: "[CLS]",
      sep_token: "[SEP]",
      unk_token: "[UNK]",
      do_lower_case: true,
      strip_accents: null,
      tokenize_chinese_chars: true,
      model_max_length: 16,
    })
    const told = { do_lower_case: false, model_max_length: 12, mask_token: "[MASK]", tokenizer_class: "MyTokenizer" }
    const given = Checkpoints.make("bert", {
      tokenizerConfig: JSON.stringify({ ...told, name_or_path: "/home/me/bert", auto_map: { AutoTokenizer: ["x.Y"] } }),
    })
    const settings = json((await filesOf(given))["encoder/tokenizer_config.json"])
    // The tokenizer was read from tokenizer.json, which lowercases.
    expect(settings).toMatchObject({ ...told, do_lower_case: true })
    expect(settings).not.toHaveProperty("name_or_path")
    expect(settings).not.toHaveProperty("auto_map")
    expect(json((await filesOf(Checkpoints.make("roberta")))["encoder/tokenizer_config.json"])).toEqual({
      tokenizer_class: "RobertaTokenizer",
      pad_token: "<pad>",
      cls_token: "<s>",
      sep_token: "</s>",
      model_max_length: 16,
    })
  })

  it("says nothing in config.json that was true of the folder it came from alone", async () => {
    const stale = {
      _name_or_path: "/home/me",
      auto_map: { AutoModel: "evil.Code" },
      dtype: "float16",
      torch_dtype: "float16",
      id2label: { 0: "old" },
      num_labels: 7,
      problem_type: "regression",
      quantization_config: { bits: 8 },
      custom: "kept",
    }
    const files = await filesOf(Checkpoints.make("bert", { config: stale }))
    for (const folder of ["encoder", "tasks/topic", "tasks/entities"]) {
      const config = json(files[`${folder}/config.json`])
      expect(config).toMatchObject({ torch_dtype: "float32", custom: "kept", hidden_size: 32 })
      for (const name of ["_name_or_path", "auto_map", "dtype", "num_labels", "quantization_config"]) {
        expect(config).not.toHaveProperty(name)
      }
      expect(JSON.stringify(config)).not.toMatch(/old|regression/)
    }
  })

  it("is the same bytes again", async () => {
    const [once, again] = [await filesOf(bert, { scores }), await filesOf(Checkpoints.make("bert"), { scores })]
    expect(Object.keys(again)).toEqual(Object.keys(once))
    for (const [name, bytes] of Object.entries(once)) expect(Buffer.compare(again[name]!, bytes), name).toBe(0)
  })
})

describe("the card", () => {
  const card = {
    name: "Triage | small",
    baseModel: "org/base",
    datasets: { topic: "org/topics" },
    language: "en",
    license: "apache-2.0",
  }

  it("begins with what the hub reads, and names as results only what has a dataset", async () => {
    const readme = text((await filesOf(bert, { card, scores }))["README.md"])
    const [, front] = /^---\n([\s\S]*?)\n---\n/.exec(readme)!
    expect(parse(front!)).toEqual({
      language: "en",
      license: "apache-2.0",
      library_name: "transformers",
      pipeline_tag: "token-classification",
      tags: ["thaw", "multi-task", "onnx", "sentence-transformers", "transformers.js"],
      base_model: "org/base",
      datasets: ["org/topics"],
      metrics: ["accuracy", "f1", "precision", "recall"],
      "model-index": [
        {
          name: "Triage | small",
          results: [
            {
              task: { type: "text-classification", name: "topic" },
              dataset: { type: "org/topics", name: "org/topics" },
              metrics: [
                { type: "accuracy", name: "Accuracy", value: 0.9123 },
                { type: "f1", name: "Macro F1", value: 0.9 },
              ],
            },
          ],
        },
      ],
    })
  })

  it("tells people the tasks, the scores and where the encoder came from", async () => {
    const readme = text((await filesOf(bert, { card, scores }))["README.md"])
    expect(readme).toContain("One BertModel of 2 blocks, hidden size 32, and 2 heads that share it.")
    expect(readme).toContain("| topic | text-classification | cat, dog, 10 | transformers, transformers.js |")
    expect(readme).toContain("| topic | 40 | Accuracy | 0.9123 | 0.5000 |")
    expect(readme).toContain("| entities | 20 | Entity F1 | 0.8000 |  |")
    expect(readme).toContain("The encoder started from `org/base`.")
    expect(readme).not.toContain("Loss")
  })

  it("says what part of the examples was trained on", async () => {
    const seen = { tasks: scores.tasks.map((each) => ({ ...each, overlap: each.task === "topic" ? 0.125 : 0 })) }
    const readme = text((await filesOf(bert, { scores: seen }))["README.md"])
    expect(readme).toContain("Of the examples of topic, 12.5 % were trained on.")
    expect(readme).not.toContain("Of the examples of entities")
  })

  it("needs nothing of the author", async () => {
    const readme = text((await filesOf(bert))["README.md"])
    expect(readme).toContain("# Encoder with heads for entities, topic")
    expect(readme).not.toMatch(/undefined|Scores/)
  })
})

describe("a head that transformers has no class for", () => {
  it("is exported as ONNX alone when asked for, with a sentence that says so", async () => {
    const files = await filesOf(withMean, { otherHeads: "onnx" })
    expect(
      Object.keys(files)
        .filter((name) => name.startsWith("tasks/mood/"))
        .sort(),
    ).toEqual(
      [
        "README.md",
        "config.json",
        "onnx/model.onnx",
        "onnx/model_quantized.onnx",
        "tokenizer.json",
        "tokenizer_config.json",
      ].map((name) => `tasks/mood/${name}`),
    )
    expect(text(files["tasks/mood/README.md"])).toBe(
      "This folder is for transformers.js and onnxruntime only: transformers (Python) has no class for a head over the mean of a Bert encoder's vectors, so there is no model.safetensors.\n",
    )
    expect(json(files["tasks/mood/config.json"])).not.toHaveProperty("architectures")
    expect(files["tasks/topic/model.safetensors"]).toBeDefined()
    expect(text(files["README.md"])).toContain(
      "| mood | text-classification | good, bad | transformers.js and onnxruntime only |",
    )
  })

  it("is loaded by transformers.js all the same", async () => {
    const folder = await Checkpoints.written(
      await Effect.runPromise(Checkpoints.exported(withMean, { otherHeads: "onnx" })),
    )
    const classify = await pipeline("text-classification", path.join(folder, "tasks/mood"), { dtype: "fp32" })
    const [answer] = (await classify("the cat sat")) as ReadonlyArray<{ readonly label: string }>
    expect(mean.labels).toContain(answer!.label)
    await classify.dispose()
  })
})

describe("refused are", () => {
  const named = (...names: ReadonlyArray<string>) =>
    Checkpoints.make("bert", { heads: Object.fromEntries(names.map((name) => [name, Checkpoints.heads["topic"]!])) })

  it("a checkpoint without heads", async () => {
    expect(await failure(named())).toBe(
      "export: expected a checkpoint with heads, got one without. Train one with Train.multiTask.",
    )
  })

  it.each(["../up", "a/b", "..", ".hidden", "a b", "", "end."])(
    "the task name %j, which no folder can have",
    async (name) => {
      const quoted = JSON.stringify(name)
      expect(await failure(named(name))).toBe(
        `export, task ${quoted}: expected a name that a folder can have: letters, digits, _, . and -, got ${quoted}. Rename the task.`,
      )
    },
  )

  it("an encoder that no ONNX file can hold", async () => {
    const huge = { ...bert, config: Checkpoints.configOf("bert", { vocab_size: 20_000_000 }) }
    expect(await failure(huge)).toBe(
      "export: expected weights of less than 2 GiB, which is all that an ONNX file can hold, got 2.4 GiB. Export.checkpoint has no such limit.",
    )
  })

  it("names that are one folder where case counts for nothing", async () => {
    expect(await failure(named("Mood", "mood"))).toBe(
      'export, task "mood": expected a name that differs in more than case, got "Mood" too, which is the same folder on some systems. Rename one of the tasks.',
    )
  })

  it("datasets and scores of tasks that are not there", async () => {
    expect(await failure(bert, { card: { datasets: { topics: "org/x" } } })).toBe(
      'export, card, datasets: expected tasks that have a head, got "topics". Did you mean "topic"?',
    )
    expect(await failure(named("other"), { scores })).toBe(
      'export, scores: expected tasks that have a head, got "topic". Known are "other".',
    )
  })
})

describe("Export.huggingFace in a pipeline", () => {
  const head = Head.classification()
  const tasks = { topic: { ...Corpus.tasks.topic, head }, mood: { ...Corpus.tasks.mood, head } }

  it("gives folders with the scores in their card, adapters merged, and reruns nothing when nothing changed", async () => {
    const freeze = Freeze.lora({ rank: 2, alpha: 4, targets: ["query", "value"] })
    const trained = Corpus.trained({ tasks, freeze })
    const outputs = {
      trained,
      merged: Export.checkpoint({ trained }),
      model: Export.huggingFace({
        trained,
        scores: Evaluate.tasks({ trained, test: { topic: Corpus.small.test, mood: Corpus.small.test } }),
      }),
    }
    const { values } = await world.run(outputs)
    expect(values.trained.config.lora).toBeDefined()
    const files = await Checkpoints.bytesOf(values.model)
    const [merged, exported] = await Promise.all(
      [Artifact.contentBytes(values.merged.weights), Effect.succeed(files["tasks/topic/model.safetensors"]!)].map(
        async (bytes) => (await Effect.runPromise(Effect.flatMap(bytes, Safetensors.decode))).tensors,
      ),
    )
    const query = "bert.encoder.layer.1.attention.self.query.weight"
    expect(exported![query]).toEqual(merged![query])
    expect(Object.keys(exported!).filter((name) => name.includes("lora"))).toEqual([])
    expect(text(files["README.md"])).toContain("## Scores on held-out examples")
    expect(text(files["README.md"])).toMatch(/\| 1 \| \d+ \| lora\.block\.0, .*head\.topic/)
    const { steps } = await world.run(outputs)
    expect(new Set(Object.values(steps))).toEqual(new Set(["cached"]))
  })
})
