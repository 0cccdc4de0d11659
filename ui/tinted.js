// Lines of text whose characters carry a tint and can be picked, by click or by arrow key.
//
// data = {
//   lines: [{given, chars, values, labels, shared, forced, note, open}],
//   scale: {domain, colors, wash, legend}   wash: one colour, thinner for less, over any background
//   picks: whether characters can be picked, pick: [line, k] or null
// }
// All text goes in as text nodes, so what a visitor typed can't become markup.

const drawn = new WeakMap()
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))

function tint({ domain: [low, high], colors, wash }, value) {
  const t = Math.min(Math.max((value - low) / (high - low), 0), 1)
  if (wash) return { background: `rgba(${rgb(colors[0])}, ${(t * wash).toFixed(3)})` }
  const at = Math.min(Math.floor(t * (colors.length - 1)), colors.length - 2)
  const [a, b] = [rgb(colors[at]), rgb(colors[at + 1])]
  const mixed = a.map((x, k) => Math.round(x + (b[k] - x) * (t * (colors.length - 1) - at)))
  const light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2] > 140
  return { background: `rgb(${mixed})`, color: light ? "#1f2228" : "#ffffff" }
}

function legend(scale) {
  const row = document.createElement("div")
  row.className = "legend"
  const stops = Array.from({ length: 9 }, (_, k) => {
    const [low, high] = scale.domain
    return tint(scale, low + ((high - low) * k) / 8).background
  })
  const [before, after] = scale.legend
  row.append(before)
  const ramp = row.appendChild(document.createElement("span"))
  ramp.className = "ramp"
  ramp.style.background = `linear-gradient(to right, ${stops})`
  row.append(after)
  return row
}

function line(spec, scale, picks) {
  const block = document.createElement("div")
  block.className = "line"
  const text = block.appendChild(document.createElement("p"))
  const [from, to] = spec.shared ?? [0, 0]
  const put = (char, place, className) => {
    const span = text.appendChild(document.createElement("span"))
    span.textContent = char
    span.className = className
    if (place >= from && place < to) span.classList.add("shared")
    return span
  }
  const given = [...spec.given]
  given.forEach((char, place) => put(char, place, "given"))
  spec.chars.forEach((char, k) => {
    const span = put(char === "\n" ? "\u00b6" : char, given.length + k, "char")
    if (char === "\n") span.classList.add("end")
    if (spec.forced?.includes(k)) span.classList.add("forced")
    Object.assign(span.style, tint(scale, spec.values[k]))
    span.title = spec.labels[k]
    span.dataset.k = k
    if (picks) {
      span.setAttribute("role", "button")
      span.setAttribute("aria-label", spec.labels[k])
      span.tabIndex = -1
    }
  })
  if (spec.open) put("\u2026", -1, "given")
  if (spec.note) {
    const note = block.appendChild(document.createElement("div"))
    note.className = "note"
    note.textContent = spec.note
  }
  return block
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".tinted")
  const key = JSON.stringify([data.lines, data.scale])
  if (drawn.get(root) !== key) {
    drawn.set(root, key)
    parentElement.querySelector(".legend")?.remove()
    root.before(legend(data.scale))
    root.replaceChildren(...data.lines.map((spec) => line(spec, data.scale, data.picks)))
  }
  const spans = (row) => [...root.children[row].querySelectorAll(".char")]
  const mark = (row, k) => {
    const old = root.querySelector(".picked")
    const had = old !== null && parentElement.activeElement === old
    old?.classList.remove("picked")
    old?.setAttribute("tabindex", "-1")
    const span = root.children[row] && spans(row)[k]
    if (!span) return
    span.classList.add("picked")
    span.tabIndex = 0
    if (had) span.focus({ preventScroll: true })
  }
  const pick = (row, k) => {
    mark(row, k)
    setTriggerValue("pick", [row, k])
  }
  if (!data.picks) return
  root.querySelectorAll(".picked").forEach((span) => !data.pick && span.classList.remove("picked"))
  if (data.pick) mark(...data.pick)
  else {
    const first = root.querySelector(".char")
    if (first) first.tabIndex = 0
  }
  root.onclick = (event) => {
    const span = event.target.closest(".char")
    if (!span) return
    span.tabIndex = 0
    span.focus({ preventScroll: true })
    pick([...root.children].indexOf(span.closest(".line")), Number(span.dataset.k))
  }
  root.onkeydown = (event) => {
    const span = event.target.closest(".char")
    if (!span) return
    const row = [...root.children].indexOf(span.closest(".line"))
    const k = Number(span.dataset.k)
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }
    let to = step[event.key]
    if (event.key === "Enter" || event.key === " ") to = [0, 0]
    if (!to || !root.children[row + to[0]]) return
    event.preventDefault()
    const next = Math.min(Math.max(k + to[1], 0), spans(row + to[0]).length - 1)
    spans(row + to[0])[next]?.focus({ preventScroll: true })
    pick(row + to[0], next)
  }
}
