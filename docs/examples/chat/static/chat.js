// The page of one chat. What it shows is made from what the server has, event by event, in order: so it does not matter
// how often a connection breaks, which worker answers, when the tab is opened, or how many tabs there are.

const QUIET = 1_500; // ms without an event after which the page says that it waits
const SILENCE = 40_000; // ms without one after which it asks anew, in case its line is dead; that costs nobody anything
const LOOK = 2_000; // ms between two looks for what another tab has asked
const LONGEST_PAUSE = 8_000; // ms between two tries to reach the server

const ENDINGS = {
  max_tokens: "The answer is longer than it may be, and ends here.",
  model_context_window_exceeded: "The conversation is too long to go on. Begin a new one.",
  refusal: "The model declined to go on.",
};

const [log, form, box, send, stop, retry, status] = ["log", "form", "box", "send", "stop", "retry", "status"].map(
  (id) => document.getElementById(id),
);

let chat = location.pathname.match(/^\/chats\/([0-9a-f-]+)$/)?.[1]; // undefined: nothing was asked yet
let asked = []; // the questions that are shown, in order
let answer = null; // the element of the answer that is on its way; null: there is none
let position = null; // of its last event that is shown: where to go on when a connection breaks
let missed = 0; // how often on end there was nothing to read
let failed = false; // whether the last answer failed, and may be asked for once more
let sending = false; // whether a question is on its way to the server
let trouble = ""; // what is wrong between the page and the server, in words
let waiting = ""; // why nothing comes, in words
let refusal = ""; // why the server did not take the last question, in words

// -- What an event of an answer does to the page. They are the events of the Messages API.

const on = {
  message_start() {
    answer.textContent = ""; // a reader that comes too early gets the message from its first event
  },
  content_block_start() {},
  content_block_delta({ delta }) {
    if (delta.type !== "text_delta") return;
    (answer.firstChild ?? answer.appendChild(new Text())).appendData(delta.text); // as text, never as HTML
  },
  content_block_stop() {},
  message_delta({ delta }) {
    answer.remark = ENDINGS[delta.stop_reason];
  },
  message_stop() {
    end(answer.remark);
  },
  error({ error }) {
    failed = error.type !== "stream_cancelled";
    end(failed ? error.message : "Stopped.");
  },
  rewind() {}, // the journal has lost what was shown: the message begins again
};

function end(remark) {
  hangUp();
  answer.ariaBusy = "false";
  answer = null;
  if (remark) show("p", "remark", remark);
  next();
}

function show(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return log.appendChild(element);
}

// The parts of the page that belong to no answer.
function refresh() {
  const words = trouble || waiting || refusal;
  if (status.textContent !== words) status.textContent = words; // what is set anew is read out again
  stop.hidden = !answer;
  send.hidden = Boolean(answer);
  retry.hidden = !failed || Boolean(answer);
  send.disabled = sending;
  box.readOnly = sending;
}

// -- Reading: one answer after the other, and behind the last one a look for more questions now and then

let source = null;
let questions = []; // all that was asked, as far as the page knows
const timers = {};

function after(name, ms, then) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(then, ms);
}

async function next() {
  refresh();
  if (!chat || answer || document.hidden) return;
  if (asked.length === questions.length) {
    const response = await request("GET", "questions");
    if (response.ok) questions = await response.json();
    if (answer) return; // somebody was quicker
    refresh();
  }
  if (asked.length < questions.length) {
    const text = questions[asked.length];
    asked.push(text);
    show("article", "question", text);
    answer = show("article", "answer", "");
    answer.ariaBusy = "true";
    position = null;
    missed = 0;
    failed = false;
    listen();
    refresh();
    log.scrollTop = log.scrollHeight;
  } else {
    after("look", LOOK, next);
  }
}

function listen() {
  hangUp();
  if (!answer || document.hidden) return; // a browser has few connections for one server: a hidden tab takes none
  source = new EventSource(`${path(`answers/${asked.length - 1}`)}${position ? `?after=${position}` : ""}`);
  source.onopen = heard;
  for (const type in on) source.addEventListener(type, take);
  heard();
}

function hangUp() {
  source?.close();
  for (const name in timers) clearTimeout(timers[name]);
}

function heard() {
  trouble = waiting = "";
  after("quiet", QUIET, () => {
    waiting = "waiting for the model…";
    refresh();
  });
  after("silence", SILENCE, listen);
  refresh();
}

function take(event) {
  if (event.data === undefined) return lost(); // an `error` that is the browser's own
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40; // px; who reads further up is left there
  heard();
  missed = 0;
  position = event.lastEventId;
  on[event.type](JSON.parse(event.data));
  refresh();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// The browser connects again by itself, to whichever worker there is, with `Last-Event-ID`; unless there was a response
// that told it not to: 204, for there is nothing to read, or 502, from what stands between.
async function lost() {
  trouble = "connection lost, reconnecting…";
  refresh();
  if (source.readyState !== EventSource.CLOSED) return;
  const of = answer;
  const response = await request("HEAD", `answers/${asked.length - 1}`);
  if (answer !== of) return;
  // One that had failed, and is asked for once more, may not have been taken up yet.
  if (response.status === 204 && ++missed > (position ? 20 : 0)) end("There is no answer, or it is kept no longer.");
  else after("again", 500, listen);
}

// -- Asking and stopping. All of it can be sent again and does nothing twice, so it is, until a worker answers.

const path = (rest) => `/chats/${chat}/${rest}`;
const longer = (pause) => Math.min(LONGEST_PAUSE, (pause || 250) * 2) * (0.5 + Math.random() / 2);

async function request(method, rest, body) {
  for (let pause = 0; ; pause = longer(pause)) {
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const response = await fetch(path(rest), {
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

async function ask(number, text) {
  chat ??= crypto.randomUUID?.() ?? // only there over TLS, or on this machine
    [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  sending = true;
  refresh();
  const response = await request("PUT", `questions/${number}`, { text });
  sending = false;
  refusal = response.ok ? "" : await words(response);
  refresh();
  if (response.ok && location.pathname === "/") history.replaceState(null, "", `/chats/${chat}`); // this shows it again
  return response.ok;
}

async function words(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : "This is no question.";
  } catch {
    return `The server answered ${response.status}.`; // or rather, something before it did
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  box.focus();
  const text = box.value;
  if (answer || sending || !text.trim()) return;
  if (await ask(asked.length, text)) box.value = "";
  next();
});
retry.addEventListener("click", async () => {
  if (!(await ask(asked.length - 1, asked.at(-1)))) return;
  // The same answer goes on, from where it broke off, in the same place.
  log.lastElementChild.remove();
  answer = log.lastElementChild;
  answer.ariaBusy = "true";
  failed = false;
  listen();
});

function stopAnswer() {
  if (!answer) return;
  waiting = "stopping…";
  refresh();
  request("POST", `answers/${asked.length - 1}/stop`);
}

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

const wake = () => (answer ? listen() : next());
window.addEventListener("online", wake);
document.addEventListener("visibilitychange", () => (document.hidden ? hangUp() : wake()));
next();
