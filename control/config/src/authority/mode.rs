//! Hub, spoke or disabled: what `mode auto` comes to for a router, and why.
//!
//! A pure function of the model: the same configuration gives the same answer on every router and at every time, so it can be shown before a commit. The first of
//! five rows that fits decides. The word is a summary: whether a session is inspected follows from the interface it comes in by, once, where it enters.
//!
//! Source: `spec/ssr-idp.md` section 2, the proposed definition.

use super::{
    model::{IdpMode, Router},
    view::View,
};
use std::fmt;

/// What a router does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It inspects nothing.
    Disabled,
    /// It inspects what comes in by its local interfaces.
    Spoke,
    /// It carries what others have inspected.
    Hub,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Spoke => "spoke",
            Self::Hub => "hub",
        })
    }
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeReason {
    /// The configuration says so.
    Configured,
    /// No service that the router knows asks for inspection.
    NoPolicy,
    /// Sessions of a tenant that is inspected come in by a local interface.
    LocalTenant {
        /// The tenant, or the network the access policy names.
        tenant: String,
        /// The interface.
        interface: String,
    },
    /// The router has peers and a route for a service that is inspected.
    Transit {
        /// The service.
        service: String,
    },
    /// Neither.
    Neither,
}

impl fmt::Display for ModeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("configured"),
            Self::NoPolicy => f.write_str("no-idp-policy-applies"),
            Self::LocalTenant { tenant, interface } => write!(f, "local-tenant:{tenant}@{interface}"),
            Self::Transit { service } => write!(f, "svr-transit:{service}"),
            Self::Neither => f.write_str("no-local-tenant-and-no-transit"),
        }
    }
}

/// A mode and its reason. Printed as `spoke (local-tenant:corporate@lan0)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the router does.
    pub mode: Mode,
    /// Why.
    pub reason: ModeReason,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.mode, self.reason)
    }
}

/// What `router` does.
///
/// Cost: for each access policy that is inspected, the interfaces of the router and the tenants.
pub fn decide(view: &View<'_>, router: &Router) -> Decision {
    let Some(router) = view.authority.router.iter().find(|known| known.name == router.name) else {
        return Decision { mode: Mode::Disabled, reason: ModeReason::NoPolicy };
    };
    let configured = match router.idp.mode {
        IdpMode::Disabled => Some(Mode::Disabled),
        IdpMode::Spoke => Some(Mode::Spoke),
        IdpMode::Hub => Some(Mode::Hub),
        IdpMode::Auto => None,
    };
    if let Some(mode) = configured {
        return Decision { mode, reason: ModeReason::Configured };
    }
    if view.inspected(router).next().is_none() {
        return Decision { mode: Mode::Disabled, reason: ModeReason::NoPolicy };
    }
    let door = view.inspected(router).find_map(|(_, policy)| view.door(router, &policy.source));
    if let Some((tenant, interface)) = door {
        let reason = ModeReason::LocalTenant { tenant, interface: interface.to_owned() };
        return Decision { mode: Mode::Spoke, reason };
    }
    let transit = view
        .inspected(router)
        .find(|(service, _)| view.has_peers(router) && router.routes(&service.name).next().is_some());
    match transit {
        Some((service, _)) => {
            Decision { mode: Mode::Hub, reason: ModeReason::Transit { service: service.name.clone() } }
        }
        None => Decision { mode: Mode::Disabled, reason: ModeReason::Neither },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authority::Authority,
        tree::{Format, NoFiles, apply, read},
    };

    const BASE: &str = "authority { tenant a; tenant b; service web { address 0.0.0.0/0; access-policy a { idp-policy standard; } }
        router r { idp mode auto; node n { device-interface d { network-interface lan { tenant-prefixes a { source-address 10.1.0.0/16; } address 10.1.0.1 { prefix-length 16; } }
            network-interface wan { neighborhood inet { topology spoke; } } } }
            service-route out { service-name web; next-hop n wan; } } }";

    fn decided(lines: &str) -> String {
        let (tree, problems) = read(BASE.as_bytes(), Some(Format::Junos), "base", &NoFiles);
        assert!(problems.is_empty(), "{problems}");
        let (tree, problems) = apply(tree, lines.as_bytes(), Some(Format::Set), "lines", &NoFiles);
        assert!(problems.is_empty(), "{problems}");
        let authority = Authority::of(&tree).unwrap();
        decide(&View::of(&authority), &authority.router[0]).to_string()
    }

    #[test]
    fn each_row_of_the_specification_gives_its_mode_and_reason() {
        const NO_DOOR: &str = "delete authority router r node n device-interface d network-interface lan";
        for (lines, wanted) in [
            // 1: what is configured.
            ("set authority router r idp mode disabled", "disabled (configured)"),
            ("set authority router r idp mode spoke", "spoke (configured)"),
            ("set authority router r idp mode hub", "hub (configured)"),
            // 2: nothing to inspect here.
            ("set authority service web access-policy a idp-policy none", "disabled (no-idp-policy-applies)"),
            ("delete authority service web access-policy a idp-policy", "disabled (no-idp-policy-applies)"),
            ("deactivate authority service web access-policy a idp-policy", "disabled (no-idp-policy-applies)"),
            ("set authority service web enabled false", "disabled (no-idp-policy-applies)"),
            ("set authority service web access-policy a permission deny", "disabled (no-idp-policy-applies)"),
            ("set authority service web applies-to router router-name x", "disabled (no-idp-policy-applies)"),
            // 3: a tenant behind a local interface.
            ("", "spoke (local-tenant:a@lan)"),
            ("set authority service web applies-to router router-name r", "spoke (local-tenant:a@lan)"),
            (
                "set authority service web applies-to router-group group-name g\nset authority router r group g",
                "spoke (local-tenant:a@lan)",
            ),
            ("set authority service web access-policy a idp-profile p", "spoke (local-tenant:a@lan)"),
            (
                "delete authority service web access-policy\nset authority service web access-policy a@10.1.2.0/24 idp-policy strict",
                "spoke (local-tenant:a@lan)",
            ),
            (
                "delete authority service web access-policy\nset authority service web access-policy 10.1.2.0/24 idp-policy strict",
                "spoke (local-tenant:10.1.2.0/24@lan)",
            ),
            (
                "delete authority router r node n device-interface d network-interface lan tenant-prefixes\n\
                 set authority router r node n device-interface d network-interface lan neighborhood home\n\
                 set authority tenant a member home address 2001:db8::/48",
                "spoke (local-tenant:a@lan)",
            ),
            // 4: peers, and a route for the service.
            (NO_DOOR, "hub (svr-transit:web)"),
            (
                "set authority router r node n device-interface d network-interface lan tenant-prefixes a source-address 0.0.0.0/0\ndelete authority router r node n device-interface d network-interface lan tenant-prefixes a source-address 10.1.0.0/16",
                "hub (svr-transit:web)",
            ),
            (
                "delete authority service web access-policy\nset authority service web access-policy a@10.9.0.0/24 idp-policy strict",
                "hub (svr-transit:web)",
            ),
            (
                "set authority router r node n device-interface d network-interface lan neighborhood inet topology mesh",
                "hub (svr-transit:web)",
            ),
            (
                // The neighborhood of the LAN is another router's as well.
                "set authority router r node n device-interface d network-interface lan neighborhood n1\n\
                 set authority router s node n device-interface d network-interface x neighborhood n1",
                "hub (svr-transit:web)",
            ),
            (
                "delete authority router r node n device-interface d\nset authority router r peer s",
                "hub (svr-transit:web)",
            ),
            // 5: neither.
            ("delete authority router r node n device-interface d", "disabled (no-local-tenant-and-no-transit)"),
            (
                "delete authority router r node n device-interface d network-interface lan\ndelete authority router r service-route",
                "disabled (no-local-tenant-and-no-transit)",
            ),
        ] {
            assert_eq!(decided(lines), wanted, "{lines}");
        }
    }
}
