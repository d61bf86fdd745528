import { describe, expect, it } from "vitest"
import * as FakeHub from "./fakeHub.ts"
import * as World from "./world.ts"

const model: FakeHub.Repository = {
  kind: "model",
  name: "acme/tiny",
  revisions: { main: World.first },
  commits: { [World.first]: { "config.json": "{}" } },
}

const told = async (
  address: string,
  repositories: ReadonlyArray<FakeHub.Repository> = [World.dataset, model],
  paths: ReadonlyArray<string> = ["config.json"],
  token = false,
) => {
  const hub = await FakeHub.start(...repositories)
  const sentence = await World.failure(token ? hub.withToken : hub.settings, paths, address)
  return sentence.replaceAll(new URL(hub.url).host, "HOST")
}

describe("what is not there is one sentence", () => {
  it("with the names of the owner that are near", async () => {
    expect(await told("hf://datasets/acme/mods")).toBe(
      'HubMissing hf://datasets/acme/mods: expected a dataset on HOST, got the answer 401: none of that name, or a private one. Did you mean "acme/moods"?',
    )
    expect(await told("hf://datasets/acme/mods", [World.dataset], ["config.json"], true)).toBe(
      'HubMissing hf://datasets/acme/mods: expected a dataset on HOST, got none of that name. Did you mean "acme/moods"?',
    )
  })

  it("that says when a model was meant", async () => {
    expect(await told("hf://datasets/acme/tiny")).toBe(
      "HubMissing hf://datasets/acme/tiny: expected a dataset on HOST, got the answer 401: none of that name, or a private one. There is a model of that name: hf://acme/tiny.",
    )
    expect(await told("hf://acme/moods")).toBe(
      "HubMissing hf://acme/moods: expected a model on HOST, got the answer 401: none of that name, or a private one. There is a dataset of that name: hf://datasets/acme/moods.",
    )
  })

  it("that asks for a token where nothing is near", async () => {
    expect(await told("hf://datasets/nobody/secret-things")).toBe(
      "HubMissing hf://datasets/nobody/secret-things: expected a dataset on HOST, got the answer 401: none of that name, or a private one. If it is private, set HF_TOKEN.",
    )
    expect(await told("hf://datasets/nobody/secret-things", [], [], true)).toBe(
      "HubMissing hf://datasets/nobody/secret-things: expected a dataset on HOST, got none of that name. Check its name, and that the token may read it.",
    )
  })

  it("for a revision", async () => {
    expect(await told("hf://datasets/acme/moods@v1")).toBe(
      'HubMissing hf://datasets/acme/moods: expected a branch, tag or commit of it, got "v1". Did you mean "v1.0"?',
    )
    expect(await told(`hf://datasets/acme/moods@${"c".repeat(40)}`)).toBe(
      `HubMissing hf://datasets/acme/moods: expected a branch, tag or commit of it, got "${"c".repeat(40)}". Known are "main", "v1.0".`,
    )
  })

  it("for a file", async () => {
    expect(await told(World.address, [World.dataset], ["confg.json"])).toBe(
      `HubMissing hf://datasets/acme/moods: expected a file "confg.json" at commit ${World.first}, got none. Did you mean "config.json"?`,
    )
  })
})

describe("what this account may not read is one sentence", () => {
  it("where the owner grants access", async () => {
    const gated = { ...World.dataset, gated: true }
    expect(await told(World.address, [gated])).toBe(
      "HubMissing hf://datasets/acme/moods: expected a dataset that this account may read, got the answer 401: its owner grants access on request. Ask for it on the page of the dataset at HOST, then set HF_TOKEN to a token of that account.",
    )
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/resolve/, (response) => FakeHub.refuse(response, 403, "GatedRepo"))
    expect(await World.failure(hub.withToken, ["config.json"])).toContain(
      "got the answer 403: its owner grants access on request. Ask for it on the page of the dataset at 127.0.0.1:",
    )
  })

  it("and may be read with a token", async () => {
    const hub = await FakeHub.start({ ...World.dataset, private: true })
    expect(World.read(await World.fetch(hub.withToken, ["config.json"]), "config.json").length).toBeGreaterThan(0)
  })

  it("where the token is not valid", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave((_, response) => (FakeHub.refuse(response, 401), true))
    expect(await World.failure(hub.withToken, ["config.json"])).toBe(
      "HubMissing hf://datasets/acme/moods: expected a dataset that may be read, got the answer 401. Check that HF_TOKEN is valid and may read it.",
    )
  })
})
