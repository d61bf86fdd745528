import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { parquetWriteBuffer } from "hyparquet-writer"
import { expect, it } from "vitest"
import * as FakeHub from "../hub/fakeHub.ts"
import * as Folder from "../models/encoderFolder.ts"
import { events, project, thaw } from "./thaw.ts"

const commit = "a".repeat(40)

const dataset: FakeHub.Repository = {
  kind: "dataset",
  name: "acme/moods",
  revisions: { main: commit },
  commits: {
    [commit]: {
      "train.parquet": Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: "text", data: ["the cat", "on it"], type: "STRING" },
            { name: "label", data: ["good", "bad"], type: "STRING" },
          ],
        }),
      ),
    },
  },
}

const encoder = (): FakeHub.Repository => {
  const folder = Folder.write().path
  const files = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))] as const)
  const commits = { [commit]: Object.fromEntries(files) }
  return { kind: "model", name: "acme/tiny", revisions: { main: commit, v1: commit }, commits }
}

it("a pipeline from a hub runs, says its commits, and runs again without a network", async () => {
  const hub = await FakeHub.start(dataset, encoder())
  const folder = project()
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache, HF_TOKEN: "hf_secret" }
  const reasons = (run: Parameters<typeof events>[0]) =>
    Object.fromEntries(events(run).flatMap((each) => (each.event === "stepFinished" ? [[each["step"], each["why"]]] : []))) // prettier-ignore

  const first = await thaw(folder, ["run", "hub.ts", "--json"], environment)
  expect(first.code, first.stdout + first.stderr).toBe(0)
  expect(reasons(first)).toEqual({
    "Load.huggingFace": `never ran in this pipeline; reads hf://datasets/acme/moods@${commit}`,
    "Encoder.fromHub": `never ran in this pipeline; reads hf://acme/tiny@${commit}`,
  })
  expect(first.stdout + first.stderr).not.toContain("hf_secret")
  expect(hub.requests.filter(({ host, headers }) => host === "storage" && "authorization" in headers)).toEqual([])

  hub.requests.length = 0
  const offline = { ...environment, HF_HUB_OFFLINE: "1" }
  const second = await thaw(folder, ["run", "hub.ts", "--json"], offline)
  expect(second.code, second.stdout + second.stderr).toBe(0)
  expect(events(second).flatMap(({ event, cached }) => (event === "stepFinished" ? [cached] : []))).toEqual([true, true]) // prettier-ignore
  const plan = await thaw(folder, ["plan", "hub.ts"], environment)
  expect(plan.stdout).toContain(`nothing changed; reads hf://datasets/acme/moods@${commit}`)
  expect(hub.requests).toEqual([])

  // Without results, from the cache of the hub alone.
  const anew = await thaw(folder, ["run", "hub.ts", "--json"], { ...offline, THAW_HOME: path.join(folder, "other") })
  expect(anew.code, anew.stdout + anew.stderr).toBe(0)
  const hashes = (run: Parameters<typeof events>[0]) =>
    events(run).at(-1)!["outputs"] as Record<string, { hash: string }>
  expect(hashes(anew)["encoder"]!.hash).toBe(hashes(first)["encoder"]!.hash)
  expect(hashes(anew)["moods"]!.hash).toBe(hashes(first)["moods"]!.hash)
  expect(hub.requests).toEqual([])
})

it("what is planned of an encoder is known before it was ever fetched", async () => {
  const hub = await FakeHub.start(dataset, encoder())
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache }
  const plan = await thaw(project(), ["plan", "hubTraining.ts"], environment)
  expect(plan.code, plan.stdout + plan.stderr).toBe(0)
  expect(plan.stdout).toContain("block.0")
  expect(hub.requests.filter(({ host }) => host === "storage")).toEqual([])
})

it("a pipeline whose dataset cannot be had ends with one sentence", async () => {
  const hub = await FakeHub.start(encoder())
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache, HF_HUB_OFFLINE: "1" }
  const { code, stderr } = await thaw(project(), ["plan", "hub.ts"], environment)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/hf:\/\/\S+: expected the commit of "\w+" in the cache, got nothing, and HF_HUB_OFFLINE is set\. Unset it to ask the hub\./) // prettier-ignore
  expect(hub.requests).toEqual([])
})
