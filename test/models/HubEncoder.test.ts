import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dag from "@thaw/core/Dag"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Hub from "@thaw/hub/Hub"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import * as World from "../core/world.ts"
import * as FakeHub from "../hub/fakeHub.ts"
import * as Folder from "./encoderFolder.ts"

const commit = "a".repeat(40)
const at = `hf://acme/tiny@${commit}`

const repository = (files: Parameters<typeof Folder.write>[0] = {}): FakeHub.Repository => {
  const folder = Folder.write(files).path
  const all = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))] as const)
  return { kind: "model", name: "acme/tiny", revisions: { main: commit, v1: commit }, commits: { [commit]: Object.fromEntries(all) } } // prettier-ignore
}

/** Two shards of the fixture's tensors and their index. */
const sharded = () => {
  const names = Object.keys(Folder.tensors())
  const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const
  const inFirst = (name: string) => names.indexOf(name) < names.length / 2
  const part = (first: boolean) =>
    Folder.safetensors(Object.fromEntries(Object.entries(Folder.tensors()).filter(([name]) => inFirst(name) === first)))
  return {
    "model.safetensors": undefined,
    "model.safetensors.index.json": JSON.stringify({
      metadata: { total_size: 1 },
      weight_map: Object.fromEntries(names.map((name) => [name, inFirst(name) ? one : two])),
    }),
    [one]: part(true),
    [two]: part(false),
  }
}

const worldOf = (settings: Hub.Settings) =>
  World.make(4, () => ({}), Layer.merge(ArtifactStore.memory, Layer.succeed(Hub.Hub, settings)))
const pipeline = (...args: Parameters<typeof Encoder.fromHub>) =>
  Pipeline.make("x", { seed: 1, outputs: { encoder: Encoder.fromHub(...args) } })

const expectWhole = async (encoder: unknown) => {
  const weights = await Effect.runPromise(Checkpoint.tensors(encoder as Checkpoint.Checkpoint))
  expect(Object.keys(weights).toSorted()).toEqual(Folder.parameters.map(({ name }) => name).toSorted())
  for (const { name } of Folder.parameters) {
    expect(weights[name]!.data, name).toEqual(Folder.numbers(name, weights[name]!.data.length))
  }
}
const fetched = (hub: FakeHub.FakeHub) =>
  hub.requests.flatMap(({ url }) => /\/resolve\/\w+\/(.*)$/.exec(url)?.[1] ?? []).toSorted()

describe("an encoder on a hub", () => {
  it("is the one that its folder would be, and only what is needed of it is fetched", async () => {
    const extra = { "pytorch_model.bin": "x", "README.md": "y", "onnx.txt": "z", "tokenizer_config.json": "{}" }
    const hub = await FakeHub.start(repository(extra))
    const world = worldOf(hub.settings)
    const { outputs } = await world.run(pipeline("acme/tiny"))
    await expectWhole(outputs["encoder"])
    expect(fetched(hub)).toEqual(["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"])
  })

  it("is kept by its commit, whatever name led to it, and needs no network again", async () => {
    const hub = await FakeHub.start(repository())
    const world = worldOf(hub.settings)
    expect(await world.plan(pipeline("acme/tiny"))).toEqual({ "Encoder.fromHub": `Run: never ran in this pipeline; reads ${at}` }) // prettier-ignore
    expect((await world.run(pipeline("acme/tiny", { revision: "v1" }))).steps).toEqual({ "Encoder.fromHub": "ran" })
    expect((await world.run(pipeline("hf://acme/tiny", { revision: commit }))).steps).toEqual({ "Encoder.fromHub": "cached" }) // prettier-ignore
    hub.requests.length = 0
    const offline = worldOf({ ...hub.settings, offline: true })
    await expectWhole((await offline.run(pipeline("acme/tiny"))).outputs["encoder"])
    expect(hub.requests).toEqual([])
  })

  it("may lie in shards", async () => {
    const hub = await FakeHub.start(repository(sharded()))
    await expectWhole((await worldOf(hub.settings).run(pipeline("acme/tiny"))).outputs["encoder"])
    const folder = Folder.write(sharded())
    const { outputs } = await World.make().run(
      Pipeline.make("x", { seed: 1, outputs: { encoder: Encoder.fromFolder({ path: folder.path }) } }),
    )
    await expectWhole(outputs["encoder"])
  })

  it("is refused in one sentence when a file is missing or its index leads elsewhere", async () => {
    const refusal = async (files: Parameters<typeof Folder.write>[0]) => {
      const hub = await FakeHub.start(repository(files))
      return ((await worldOf(hub.settings).failure(pipeline("acme/tiny"))) as { problem: string }).problem
    }
    expect(await refusal({ "model.safetensors": undefined, "tf_model.h5": "x" })).toContain(
      `${at}: expected config.json and one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, `,
    )
    expect(await refusal({ "model.safetensors": undefined, "pytorch_model.bin": "x" })).toContain(
      `${at}/pytorch_model.bin: expected a file of PyTorch 1.6 or later`,
    )
    expect(await refusal({ "config.json": undefined })).toContain(
      `hf://acme/tiny: expected a file "config.json" at commit ${commit}, got none.`,
    )
    const index = (shard: string) => ({ ...sharded(), "model.safetensors.index.json": JSON.stringify({ weight_map: { a: shard } }) }) // prettier-ignore
    expect(await refusal(index("model-3.safetensors"))).toBe(
      `${at}/model.safetensors.index.json: expected the names of files beside it, got "model-3.safetensors", which is not there.`,
    )
    expect(await refusal(index("../../x.safetensors"))).toContain(
      `${at}/model.safetensors.index.json, weight_map.a: expected `,
    )
  })

  it("is refused as an address of something else", () => {
    expect(() => Dag.make(pipeline("datasets/acme/tiny"))).toThrow(
      '"hf://datasets/acme/tiny": expected the address of a model, got that of a dataset. Did you mean "hf://acme/tiny"?',
    )
  })
})
