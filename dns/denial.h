// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compact denial of existence (RFC 9824): the NSEC record that says what a name has, made for the
// very name that was asked for. Pure; signing it is another's work.

#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/zone.h"

namespace summon::dns {

// The data of the NSEC record of `name`. `node` is what answers for the name: the name itself, or a
// wildcard; null says that the name does not exist. `zone` is the zone that speaks: at the apex of
// a zone inside another one of ours, the two have different things to say.
Rdata NsecRdataFor(const Zone& zone, const Name& name, const Node* node);

// The name that comes right after `name` and before all others in canonical order (RFC 4034 section
// 6.1), in lower case; for a name too long to have one below it, the next that fits. At the end of
// the order: the apex.
Name NextBelow(const Name& name, const Name& apex);
// The same, but after all names below `name` too: those are another server's to deny.
Name NextAside(const Name& name, const Name& apex);

}  // namespace summon::dns
