// What every page does.
import { showLocalTimes } from "./clock.js";

document.documentElement.dataset.script = "";
showLocalTimes(document);
