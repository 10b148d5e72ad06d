// A TCP proxy that can be cut and restored: the service goes away and comes back, at one address.

import { once } from "node:events";
import net from "node:net";

export async function startProxy(targetUrl) {
  const { hostname, port } = new URL(targetUrl);
  const proxy = new TcpProxy(hostname, Number(port));
  await proxy.restore();
  return proxy;
}

class TcpProxy {
  #host;
  #port;
  #own = 0;
  #server;
  #sockets = new Set();

  constructor(host, port) {
    this.#host = host;
    this.#port = port;
  }

  get url() {
    return `http://127.0.0.1:${this.#own}`;
  }

  // Listens again, at the same port. Connections are open to the service again.
  async restore() {
    if (this.#server) return;
    this.#server = net.createServer((client) => this.#join(client));
    this.#server.listen(this.#own, "127.0.0.1");
    await once(this.#server, "listening");
    this.#own = this.#server.address().port;
  }

  // Breaks all connections and refuses new ones.
  async cut() {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client) {
    const service = net.connect(this.#port, this.#host);
    for (const [socket, other] of [[client, service], [service, client]]) {
      this.#sockets.add(socket);
      // An error is followed by `close`.
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
