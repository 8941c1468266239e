// The page of one chat. All that it shows is made from the chat's log on the server, event by event, in order: so
// it does not matter how often the connection breaks, when the tab is opened, or how many tabs there are.

const SILENCE = 40_000; // ms without an event or a heartbeat (one every 15 s) after which the connection is dead
const LONGEST_PAUSE = 8_000; // ms between two tries to reach the server

const [log, form, box, send, stop, status] = ["log", "form", "box", "send", "stop", "status"].map((id) =>
  document.getElementById(id),
);

let chat = location.pathname.match(/^\/chats\/([0-9a-f-]+)$/)?.[1]; // undefined: nothing was asked yet; null: it is gone
let seen = 0; // the position in the log of the last event that is shown
let questions = 0; // how many questions there are
let answer = null; // the text node that grows; null: no answer is on its way
let sending = false; // whether a question is on its way to the server
let waiting = ""; // why the answer is held up, in words
let trouble = ""; // what is wrong between the page and its server, in words
let refusal = ""; // why the server did not take the last question, in words

// -- What an event does to the page

const on = {
  question({ text }) {
    questions += 1;
    show("article", "question", text);
    const article = show("article", "answer", "");
    article.ariaBusy = "true";
    answer = article.appendChild(new Text());
  },
  text({ text }) {
    waiting = "";
    answer.appendData(text);
  },
  waiting({ words }) {
    waiting = words;
  },
  end({ words }) {
    waiting = "";
    answer.parentElement.ariaBusy = "false";
    answer = null;
    if (words) show("p", "remark", words);
  },
  gone() {
    hangUp();
    chat = null;
    if (answer) on.end({});
    show("p", "remark", "The server no longer has this chat. What you see is all that came of it.");
  },
  beat() {},
};

function show(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text; // text, never HTML
  return log.appendChild(element);
}

// The parts of the page that are not in the log.
function refresh() {
  const words = trouble || waiting || refusal;
  if (status.textContent !== words) status.textContent = words; // what is set anew is read out again
  stop.hidden = !answer;
  send.hidden = Boolean(answer);
  send.disabled = sending || chat === null;
  box.readOnly = sending;
}

// -- Listening to the log

let source = null;
let alarm = 0;
let pause = 0;

function listen() {
  hangUp();
  if (!chat || document.hidden) return; // a browser has few connections for one server: a hidden tab takes none
  source = new EventSource(`/chats/${chat}/events?after=${seen}`);
  source.onopen = heard;
  source.onerror = () => {
    trouble = "connection lost, reconnecting…";
    refresh();
    // The browser connects again by itself, unless an answer told it not to (502, say, from what stands between).
    if (source.readyState === EventSource.CLOSED) again();
  };
  for (const type in on) source.addEventListener(type, take);
  alarm = setTimeout(listen, SILENCE);
}

function hangUp() {
  source?.close();
  clearTimeout(alarm);
}

function again() {
  pause = longer(pause);
  clearTimeout(alarm);
  alarm = setTimeout(listen, pause);
}

function heard() {
  trouble = "";
  pause = 0;
  clearTimeout(alarm);
  alarm = setTimeout(listen, SILENCE);
  refresh();
}

function take({ type, data, lastEventId }) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40; // px; who reads further up is left there
  heard();
  on[type](JSON.parse(data));
  seen = Number(lastEventId) || seen;
  refresh();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const longer = (pause) => Math.min(LONGEST_PAUSE, (pause || 500) * 2) * (0.5 + Math.random() / 2);

// -- Asking and stopping. Both can be sent again and do nothing twice, so they are, until the server answers.

async function request(method, path, body) {
  for (let pause = 0; ; pause = longer(pause)) {
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const response = await fetch(`/chats/${chat}/questions/${path}`, {
        method,
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(15_000),
      });
      if (response.status < 500) {
        trouble = "";
        return response;
      }
    } catch {
      // no connection, or no answer in time
    }
    trouble = "no connection, trying again…";
    refresh();
  }
}

async function ask(text) {
  if (!chat) {
    chat = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  sending = true;
  refresh();
  const response = await request("PUT", questions, { text });
  sending = false;
  refusal = response.ok ? "" : await words(response);
  refresh();
  if (!response.ok) return;
  box.value = "";
  if (location.pathname !== "/") return;
  history.replaceState(null, "", `/chats/${chat}`); // opened again, this address shows the chat again
  listen();
}

async function words(response) {
  try {
    return (await response.json()).words;
  } catch {
    return `The server answered ${response.status}.`; // or rather, something before it did
  }
}

function stopAnswer() {
  if (!answer) return;
  waiting = "stopping…";
  refresh();
  request("POST", `${questions - 1}/stop`);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!answer && !send.disabled && box.value.trim()) ask(box.value);
  box.focus();
});
stop.addEventListener("click", () => {
  stopAnswer();
  box.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopAnswer();
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
window.addEventListener("online", listen);
document.addEventListener("visibilitychange", () => (document.hidden ? hangUp() : listen()));
listen();
