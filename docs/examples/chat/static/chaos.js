// The buttons of the show: who is at work, and an end to whoever writes. No part of a chat.

const [workers, kill, restart] = ["workers", "kill", "restart"].map((id) => document.getElementById(id));

async function look() {
  let found = {};
  try {
    found = await (await fetch("/chaos", { signal: AbortSignal.timeout(2_000) })).json();
  } catch {
    // it was killed while it was asked
  }
  workers.replaceChildren(
    ...Object.entries(found).map(([pid, streams]) => {
      const item = document.createElement("li");
      item.className = streams ? "writing" : "";
      item.textContent = `worker ${pid}${streams ? " is writing" : ""}`;
      return item;
    }),
  );
  setTimeout(look, 300);
}

kill.addEventListener("click", () => fetch("/chaos/kill", { method: "PUT" }).catch(() => {}));
restart.addEventListener("click", () => fetch("/chaos/restart", { method: "PUT" }).catch(() => {}));
look();
