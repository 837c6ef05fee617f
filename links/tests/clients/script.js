// toxiproxy-node-client against a control API: `node script.js API UPSTREAM FOLDER`, where FOLDER holds the package and UPSTREAM
// echoes. What a client does by itself is checked here; what a link does to bytes is seen on sockets.
"use strict";

const assert = require("node:assert");
const net = require("node:net");
const path = require("node:path");

const [api, upstream, folder] = process.argv.slice(2);
const { Toxiproxy, ToxiproxyError } = require(path.join(folder, "toxiproxy-node-client"));

// Sends a text through a link and returns what came back until the end, or how it ended.
function say(proxy, text) {
  const [host, port] = [proxy.listen.slice(0, proxy.listen.lastIndexOf(":")), proxy.listen.split(":").pop()];
  return new Promise((resolve) => {
    const chunks = [];
    const socket = net.connect(Number(port), host.replace(/[[\]]/g, ""));
    const started = process.hrtime.bigint();
    socket.on("connect", () => socket.end(text));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", (error) => resolve({ error: error.code, text: Buffer.concat(chunks).toString() }));
    socket.on("end", () => {
      const ms = Number(process.hrtime.bigint() - started) / 1e6;
      resolve({ text: Buffer.concat(chunks).toString(), ms });
    });
  });
}

const TOXICS = [
  ["latency", { latency: 100, jitter: 0 }, { latency: 200, jitter: 10 }],
  ["bandwidth", { rate: 1000 }, { rate: 500 }],
  ["slow_close", { delay: 10 }, { delay: 20 }],
  ["timeout", { timeout: 10 }, { timeout: 20 }],
  ["reset_peer", { timeout: 10 }, { timeout: 0 }],
  ["slicer", { average_size: 64, size_variation: 32, delay: 10 }, { average_size: 8, size_variation: 4, delay: 0 }],
  ["limit_data", { bytes: 3 }, { bytes: 5 }],
];

async function refused(call, status) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ToxiproxyError, String(error));
    assert.match(error.message, new RegExp(`status code ${status}`));
    return true;
  });
}

async function main() {
  const toxiproxy = new Toxiproxy(api);
  assert.match(await toxiproxy.getVersion(), /2\.\d+\.\d+/);
  const proxy = await toxiproxy.createProxy({ name: "node", listen: "127.0.0.1:0", upstream });
  assert.notStrictEqual(proxy.listen, "127.0.0.1:0");
  assert.deepStrictEqual([proxy.name, proxy.upstream, proxy.enabled], ["node", upstream, true]);
  assert.strictEqual((await say(proxy, "hello")).text, "hello");

  for (const [type, attributes, other] of TOXICS) {
    for (const stream of ["upstream", "downstream"]) {
      const toxic = await proxy.addToxic({ name: `${type}-${stream}`, type, stream, toxicity: 0.5, attributes });
      assert.deepStrictEqual(toxic.toJson(), { name: `${type}-${stream}`, type, stream, toxicity: 0.5, attributes });
      const changed = await toxic.update({ ...toxic.toJson(), toxicity: 1, attributes: other });
      assert.deepStrictEqual([changed.attributes, changed.toxicity], [other, 1]);
      const read = await proxy.getToxic(`${type}-${stream}`);
      assert.deepStrictEqual(read.toJson(), changed.toJson());
      const seen = await say(proxy, "0123456789");
      if (type === "latency") assert.ok(seen.text === "0123456789" && seen.ms >= 190, JSON.stringify(seen));
      else if (type === "timeout") assert.strictEqual(seen.text, "", JSON.stringify(seen));
      else if (type === "reset_peer") assert.strictEqual(seen.error, "ECONNRESET", JSON.stringify(seen));
      else if (type === "limit_data") assert.ok(seen.text.length <= 5 && "0123456789".startsWith(seen.text), JSON.stringify(seen));
      else assert.strictEqual(seen.text, "0123456789", `${type} ${JSON.stringify(seen)}`);
      await toxic.remove();
      await refused(proxy.getToxic(`${type}-${stream}`), 404);
    }
  }

  await refused(toxiproxy.createProxy({ name: "node", listen: "127.0.0.1:0", upstream }), 409);
  await refused(toxiproxy.createProxy({ name: "", listen: "127.0.0.1:0", upstream }), 400);
  await refused(toxiproxy.createProxy({ name: "taken", listen: proxy.listen, upstream }), 500);
  await refused(toxiproxy.get("absent"), 404);
  await refused(proxy.addToxic({ type: "nonsense", attributes: {} }), 400);
  await refused(proxy.addToxic({ type: "latency", stream: "sideways", attributes: {} }), 400);
  await proxy.addToxic({ type: "latency", attributes: { latency: 1, jitter: 0 } });
  await refused(proxy.addToxic({ type: "latency", attributes: { latency: 1, jitter: 0 } }), 409);
  assert.strictEqual((await proxy.getToxic("latency_downstream")).stream, "downstream");

  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.strictEqual(off.enabled, false);
  assert.strictEqual((await say(proxy, "x")).error, "ECONNREFUSED");
  await toxiproxy.reset();
  const all = await toxiproxy.getAll();
  assert.deepStrictEqual([Object.keys(all), all.node.enabled], [["node"], true]);
  await refused(proxy.getToxic("latency_downstream"), 404);
  assert.strictEqual((await say(proxy, "back")).text, "back");

  const made = await toxiproxy.populate([
    { name: "one", listen: "127.0.0.1:0", upstream },
    { name: "two", listen: "127.0.0.1:0", upstream, enabled: false },
  ]);
  assert.deepStrictEqual([Object.keys(made), made.one.enabled, made.two.enabled], [["one", "two"], true, false]);
  for (const one of Object.values(await toxiproxy.getAll())) await one.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
