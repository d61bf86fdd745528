/** A result is published, and somebody else starts from it: all through the command, against a hub of its own. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs"
import * as path from "node:path"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import { Effect } from "effect"
import { expect, it } from "vitest"
import * as FakeHub from "../hub/fakeHub.ts"
import { events, project, thaw } from "./thaw.ts"
import type { Ended } from "./thaw.ts"

/** Every file below, links aside. */
const below = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [path.join(entry.parentPath, entry.name)] : [],
      )
    : []

const cached = (run: Ended) =>
  Object.fromEntries(events(run).flatMap((each) => (each.event === "stepFinished" ? [[each["step"], each["cached"]]] : []))) // prettier-ignore

const secret = "hf_secret"

it("what is exported is uploaded once, tells nobody the token, and is an encoder to start from", async () => {
  const hub = await FakeHub.start()
  const folder = project()
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache, HF_TOKEN: secret }

  // Without a token the work before it is kept.
  const refused = await thaw(folder, ["run", "publishing.ts"], { ...environment, HF_TOKEN: "" })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(
    `Export.toHub: hf://acme/triage: expected a token that may write there in HF_TOKEN, got none. Make one on the page of the account at ${new URL(hub.url).host}. What ran before this is kept.`,
  )
  expect(hub.repositories).toEqual([])

  const run = await thaw(folder, ["run", "publishing.ts", "--json"], environment)
  expect(run.code, run.stdout + run.stderr).toBe(0)
  const { "Export.toHub": upload, ...before } = cached(run)
  expect(upload).toBe(false)
  expect(Object.values(before)).toEqual(Object.values(before).map(() => true))
  const [repository] = hub.repositories
  const commit = repository!.revisions["main"]!
  expect(repository).toMatchObject({ name: "acme/triage", private: true })
  const outputs = path.join(folder, ".thaw/outputs/publishing")
  const published: unknown = JSON.parse(readFileSync(path.join(outputs, "published/value.json"), "utf8"))
  expect(published).toEqual({
    address: `hf://acme/triage@${commit}`,
    commit,
    page: `${hub.url}/acme/triage`,
    repository: "acme/triage",
  })

  // What is there is what was exported, file by file.
  const exported = realpathSync(path.join(outputs, "folder"))
  const { ".gitattributes": _, ...files } = repository!.commits[commit]!
  expect(Object.keys(files).sort()).toEqual(
    below(exported)
      .map((file) => path.relative(exported, file))
      .sort(),
  )
  for (const [name, bytes] of Object.entries(files)) expect(readFileSync(path.join(exported, name)).equals(Buffer.from(bytes)), name).toBe(true) // prettier-ignore

  hub.requests.length = 0
  const again = await thaw(folder, ["run", "publishing.ts", "--json"], { ...environment, HF_TOKEN: "" })
  expect(again.code, again.stderr).toBe(0)
  expect(cached(again)["Export.toHub"]).toBe(true)
  expect(hub.requests).toEqual([])

  // Compared bit by bit: it asks what is there, and finds it equal.
  const id = events(run).find(({ event }) => event === "runStarted")!["run"] as string
  const rerun = await thaw(folder, ["rerun", id], environment)
  expect(rerun.code, rerun.stdout + rerun.stderr).toBe(0)
  expect(hub.requests.filter(({ method }) => method !== "GET")).toEqual([])
  expect(Object.keys(repository!.commits)).toHaveLength(2)

  const started = await thaw(folder, ["run", "published.ts", "--json"], environment)
  expect(started.code, started.stdout + started.stderr).toBe(0)
  const resolved = hub.requests.flatMap(({ url }) => /\/resolve\/\w+\/(.*)$/.exec(url)?.[1] ?? [])
  expect(resolved.every((file) => file.startsWith("encoder/") && !file.includes("onnx"))).toBe(true)
  const fetched = await Effect.runPromise(
    Checkpoint.fromFolder(realpathSync(path.join(folder, ".thaw/outputs/published/encoder"))),
  )
  const local = await Effect.runPromise(
    Encoder.fromFolder.run({
      path: { path: path.join(exported, "encoder"), written: "encoder" },
    }) as Effect.Effect<Checkpoint.Checkpoint>,
  )
  const weights = (each: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(each))
  expect(await weights(fetched)).toEqual(await weights(local))
  expect(fetched.tokenizer).toEqual(local.tokenizer)
  expect(fetched.config.json).toEqual(local.config.json)

  const shown = [refused, run, again, rerun, started].map(({ stdout, stderr }) => stdout + stderr).join("\n")
  expect(shown).not.toContain(secret)
  for (const file of [...below(path.join(folder, ".thaw")), ...below(hub.cache)]) {
    expect(readFileSync(file).includes(secret), file).toBe(false)
  }
})

it("another hub, another repository or other content is another upload; a wrong name is refused before anything runs", async () => {
  const [hub, other] = [await FakeHub.start(), await FakeHub.start()]
  const folder = project()
  const environment = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache, HF_TOKEN: secret }
  const wrong = await thaw(folder, ["plan", "publishing.ts", "--set", `Export.toHub.repository="triage"`], environment)
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(/repository: expected a repository, "owner\/name", got "triage"\./)
  for (const name of ["acme/triage", "acme/other"]) {
    const args = ["run", "publishing.ts", "--set", `Export.toHub.repository="${name}"`]
    const { code, stdout, stderr } = await thaw(folder, args, environment)
    expect(code, stdout + stderr).toBe(0)
  }
  expect(hub.repositories.map(({ name }) => name).sort()).toEqual(["acme/other", "acme/triage"])
  const elsewhere = await thaw(folder, ["run", "publishing.ts", "--json"], { ...environment, HF_ENDPOINT: other.url })
  expect(cached(elsewhere)).toMatchObject({ "Export.huggingFace": true, "Export.toHub": false })
  expect(other.repositories).toHaveLength(1)
})
