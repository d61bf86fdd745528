import { homedir } from "node:os"
import path from "node:path"
import { inspect } from "node:util"
import * as Hub from "@thaw/hub/Hub"
import { Redacted } from "effect"
import { describe, expect, it } from "vitest"

describe("the environment says", () => {
  it.each([
    [{}, path.join(homedir(), ".cache/huggingface/hub")],
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "~/h" }, path.join(homedir(), "h/hub")],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/c" }, "/c"],
    [{ HF_HOME: "", HF_HUB_CACHE: " " }, path.join(homedir(), ".cache/huggingface/hub")],
  ])("where the cache is: %j", (environment, cache) => {
    expect(Hub.fromEnvironment(environment).cache).toBe(cache)
  })

  it.each([
    ["1", true],
    ["on", true],
    ["YES", true],
    ["True", true],
    ["0", false],
    ["", false],
    ["no", false],
  ])("whether to stay offline: %s", (value, offline) => {
    expect(Hub.fromEnvironment({ HF_HUB_OFFLINE: value }).offline).toBe(offline)
  })

  it("which hub is asked, and with which token, which no print shows", () => {
    const settings = Hub.fromEnvironment({ HF_ENDPOINT: "https://hub.example/", HF_TOKEN: " hf_x\n" })
    expect(settings.endpoint).toBe("https://hub.example")
    expect(Redacted.value(settings.token!)).toBe("hf_x")
    expect(`${JSON.stringify(settings)} ${inspect(settings)}`).not.toContain("hf_x")
    expect(Hub.fromEnvironment({}).endpoint).toBe("https://huggingface.co")
    expect(Hub.fromEnvironment({ HF_TOKEN: "" }).token).toBeUndefined()
  })
})
