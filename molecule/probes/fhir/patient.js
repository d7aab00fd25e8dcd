// SPDX-FileCopyrightText: healthops.clinical contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// A server needs one kind of resource, and a probe never asks for any.
"use strict";

module.exports = {
  search: async () => {
    throw new Error("a probe searched for patients");
  },
};
