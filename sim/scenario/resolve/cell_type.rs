//! Kinds of cell.

use rules::Unit;
use rules::dictionary::normal;

use super::super::cycles;
use super::super::file::Measured;
use super::super::file::cell_type as stated;
use super::super::file::named::{Detailed, Named};
use super::super::file::quantity::{Quantity, Range, Share};
use super::super::problem::{Path, misspelled};
use super::super::{
    CellType, Custom, Cycle, Death, Distribution, Domain, Exchange, Initial, Interactions,
    Mechanics, Motility, Phase, Span, Substrate, Volume,
};
use super::Resolver;
use super::region::too_wide;
use crate::cell::sphere;

/// Colors that can be told apart by most eyes, in the order in which types get them.
/// Source: P. Tol, "Colour schemes", SRON technical note 3.2 (2021), schemes `bright` and `muted`.
const PALETTE: &[&str] = &[
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#332288",
    "#44aa99", "#999933", "#882255", "#ddcc77",
];

/// Volume of a cell where none is stated, µm³, and of its nucleus. Source: PhysiCell 1.14.2.
const TOTAL: f64 = 2494.0;
const NUCLEAR: f64 = 540.0;

impl Resolver<'_> {
    pub(super) fn cell_type(
        &mut self,
        number: usize,
        name: &str,
        stated: &stated::CellType,
        substrates: &[Substrate],
        domain: &Domain,
    ) -> CellType {
        let at = Path::root().key("cell_types").key(name);
        let transformations = &stated.transformations;
        let transforms_at = at.key("transformations");
        let transformations = self.each(&transforms_at, "cell type", transformations, 0.0);
        if transformations.get(number).is_some_and(|&rate| rate > 0.0) {
            let message = format!("a `{name}` cannot become what it is");
            let help = "leave the key out".into();
            self.complain(&transforms_at.key(name), message, help);
        }
        CellType {
            name: name.to_owned(),
            color: self.color(&at.key("color"), number, stated.color.as_deref()),
            cycle: self.cycle(&at.key("cycle"), &stated.cycle),
            asymmetric_division: self.asymmetric_division(
                &at.key("asymmetric_division"),
                number,
                &stated.asymmetric_division,
            ),
            apoptosis: stated.apoptosis.resolved(),
            necrosis: stated.necrosis.resolved(),
            volume: self.volume(&at.key("volume"), &stated.volume, domain),
            mechanics: self.mechanics(&at.key("mechanics"), &stated.mechanics),
            motility: self.motility(&at.key("motility"), &stated.motility),
            exchange: self.exchange(&at.key("exchange"), stated, substrates),
            interactions: self.interactions(&at.key("interactions"), &stated.interactions),
            transformations,
            damage_rate: stated.damage.rate.0,
            damage_repair_rate: stated.damage.repair_rate.0,
            custom: self.custom(&at.key("custom"), stated),
            initial: self.initial(&at.key("initial"), &stated.initial),
        }
    }

    fn asymmetric_division(
        &mut self,
        at: &Path,
        number: usize,
        stated: &Named<Quantity<Share>>,
    ) -> Vec<f64> {
        let mut shares = self.each(at, "cell type", stated, 0.0);
        let others: f64 = (0..shares.len())
            .filter(|&other| other != number)
            .map(|other| shares[other])
            .sum();
        if others > 1.0 {
            let message = format!("the probabilities of other types sum to {others}");
            self.complain(at, message, "lower them to 1 or less together".into());
        }
        // Daughters of the mother's own type take what is left.
        if let Some(own) = shares.get_mut(number) {
            *own = own.min(1.0 - others);
        }
        shares
    }

    fn initial(&mut self, at: &Path, stated: &Named<stated::Initial>) -> Vec<Initial> {
        let names: Vec<String> = stated.iter().map(|(name, _)| name.into()).collect();
        self.distinct(at, &names);
        let mut initial = Vec::new();
        for (name, stated) in stated.iter() {
            match distribution(stated) {
                Ok(distribution) => initial.push(Initial {
                    what: name.into(),
                    distribution,
                    check_base: stated.check_base,
                }),
                Err((key, message)) => {
                    let help = "see `initial` in the list of a scenario's keys".into();
                    self.complain(&at.key(name).key(key), message, help);
                }
            }
        }
        initial
    }

    fn color(&mut self, at: &Path, number: usize, stated: Option<&str>) -> String {
        let Some(color) = stated else {
            return PALETTE[number % PALETTE.len()].to_owned();
        };
        let digits = color.strip_prefix('#').unwrap_or("");
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = format!("`{color}` is not a color");
            let help = "write it as \"#rrggbb\", such as \"#4477aa\"".into();
            self.complain(at, message, help);
        }
        color.to_lowercase()
    }

    fn cycle(&mut self, at: &Path, stated: &stated::Cycle) -> Cycle {
        let (model, mut phases) = cycles::model(stated.model);
        let is_custom = stated.model == stated::Model::Custom;
        // A phase of the file is stated once it has a rate.
        let mut is_stated = vec![!is_custom; phases.len()];
        match (&stated.phases, is_custom) {
            (Some(own), true) if !own.is_empty() => {
                for (number, phase) in own.iter().enumerate() {
                    is_stated.push(phase.rate.is_some() || phase.duration.is_some());
                    let at = at.key("phases").index(number);
                    if phase.rate.is_some() && phase.duration.is_some() {
                        self.rate_and_duration(&at.key("duration"), &phase.name);
                    }
                    if own[..number]
                        .iter()
                        .any(|other| normal(&other.name) == normal(&phase.name))
                    {
                        let message = format!("there are two phases `{}`", phase.name);
                        self.complain(&at.key("name"), message, "choose another name".into());
                    }
                    phases.push(Phase {
                        name: phase.name.clone(),
                        exit_rate: match (phase.rate, phase.duration) {
                            (Some(rate), _) => rate.0,
                            (None, Some(duration)) => 1.0 / duration.0,
                            (None, None) => 0.0,
                        },
                        fixed: phase.fixed,
                        next: (number + 1) % own.len(),
                        divides: phase.divides,
                        grows: phase.grows,
                    });
                }
            }
            (_, true) => {
                let help = "list them: phases = [{ name = \"G1\", duration = \"10 h\" }, …]";
                self.complain(at, "a custom cycle needs `phases`".into(), help.into());
            }
            (Some(_), false) => {
                let message = format!("the phases of `{model}` are given");
                let help = "write model = \"custom\", or leave `phases` out".into();
                self.complain(&at.key("phases"), message, help);
            }
            (None, false) => {}
        }
        let rates_at = at.key("rates");
        for (name, rate) in stated.rates.iter() {
            if let Some(number) = self.phase(&rates_at.key(name), model, &phases, name) {
                phases[number].exit_rate = rate.0;
                is_stated[number] = true;
            }
        }
        let durations_at = at.key("durations");
        for (name, duration) in stated.durations.iter() {
            if let Some(number) = self.phase(&durations_at.key(name), model, &phases, name) {
                if stated
                    .rates
                    .iter()
                    .any(|(other, _)| normal(other) == normal(name))
                {
                    self.rate_and_duration(&durations_at.key(name), name);
                }
                phases[number].exit_rate = 1.0 / duration.0;
                is_stated[number] = true;
            }
        }
        if let Some(fixed) = &stated.fixed {
            for phase in &mut phases {
                phase.fixed = false;
            }
            for (index, name) in fixed.iter().enumerate() {
                let at = at.key("fixed").index(index);
                if let Some(number) = self.phase(&at, model, &phases, name) {
                    phases[number].fixed = true;
                }
            }
        }
        for (number, phase) in phases.iter().enumerate() {
            if !is_stated[number] {
                let message = format!("phase `{}` has neither rate nor duration", phase.name);
                let help = "state one of them".into();
                self.complain(&at.key("phases").index(number), message, help);
            }
        }
        Cycle {
            model: model.to_owned(),
            phases,
        }
    }

    fn rate_and_duration(&mut self, at: &Path, name: &str) {
        let message = format!("phase `{name}` has both a rate and a duration");
        let help = "a duration is one over a rate: state one of them".into();
        self.complain(at, message, help);
    }

    fn phase(&mut self, at: &Path, model: &str, phases: &[Phase], name: &str) -> Option<usize> {
        let number = phases
            .iter()
            .position(|phase| normal(&phase.name) == normal(name));
        if number.is_none() {
            let (message, help) = if phases.is_empty() {
                let message = format!("a cycle `{model}` has no phase `{name}`");
                (message, "state another `model`".to_owned())
            } else {
                let known = phases.iter().map(|phase| phase.name.as_str());
                misspelled("phase", name, known)
            };
            self.complain(at, message, help);
        }
        number
    }

    fn volume(&mut self, at: &Path, stated: &stated::Volume, domain: &Domain) -> Volume {
        let total = match (stated.total, stated.radius) {
            (Some(_), Some(_)) => {
                let message = "both `total` and `radius` are stated".into();
                let help = "one follows from the other: leave one out".into();
                self.complain(&at.key("radius"), message, help);
                TOTAL
            }
            (Some(total), None) => total.0,
            (None, Some(radius)) => sphere(radius.0),
            (None, None) => TOTAL,
        };
        if let Some((message, help)) = too_wide(total, domain) {
            let key = stated.radius.map_or("total", |_| "radius");
            self.complain(&at.key(key), message, help);
        }
        let nuclear = stated.nuclear.map_or(total * NUCLEAR / TOTAL, |own| own.0);
        if nuclear >= total {
            let message =
                format!("the nucleus, {nuclear} µm³, is no smaller than its cell, {total} µm³");
            let help = "lower it, or leave it out for its usual share of the cell".into();
            self.complain(&at.key("nuclear"), message, help);
        }
        Volume {
            total,
            nuclear,
            fluid_fraction: stated.fluid_fraction.0,
            fluid_change_rate: stated.fluid_change_rate.0,
            cytoplasmic_change_rate: stated.cytoplasmic_change_rate.0,
            nuclear_change_rate: stated.nuclear_change_rate.0,
            calcified_fraction: stated.calcified_fraction.0,
            calcification_rate: stated.calcification_rate.0,
        }
    }

    fn mechanics(&mut self, at: &Path, stated: &stated::Mechanics) -> Mechanics {
        let affinities_at = at.key("adhesion_affinities");
        let affinities = &stated.adhesion_affinities;
        Mechanics {
            repulsion: stated.repulsion.0,
            adhesion: stated.adhesion.0,
            relative_maximum_adhesion_distance: stated.relative_maximum_adhesion_distance.0,
            adhesion_affinities: self.each(&affinities_at, "cell type", affinities, 1.0),
            attachment_elastic_constant: stated.attachment_elastic_constant.0,
            attachment_rate: stated.attachment_rate.0,
            detachment_rate: stated.detachment_rate.0,
            maximum_attachments: f64::from(stated.maximum_attachments),
            movable: stated.movable,
            basement_membrane_adhesion: stated.basement_membrane_adhesion.0,
            basement_membrane_repulsion: stated.basement_membrane_repulsion.0,
        }
    }

    fn motility(&mut self, at: &Path, stated: &stated::Motility) -> Motility {
        let chemotaxis_at = at.key("chemotaxis");
        Motility {
            enabled: stated.enabled,
            in_plane: stated.in_plane,
            toward: self.toward(at, stated),
            speed: stated.speed.0,
            persistence_time: stated.persistence_time.0,
            bias: stated.bias.0,
            chemotaxis: self.each(&chemotaxis_at, "substrate", &stated.chemotaxis, 0.0),
            normalize_each_gradient: stated.normalize_each_gradient,
        }
    }

    /// The one substrate that is followed, and whether up or down.
    fn toward(&mut self, at: &Path, stated: &stated::Motility) -> Option<(usize, f64)> {
        let (key, name, sign) = match (&stated.toward, &stated.away_from) {
            (Some(_), Some(_)) => {
                let message = "both `toward` and `away_from` are stated".into();
                let help = "leave one out, or give several gradients weights in `chemotaxis`";
                self.complain(&at.key("away_from"), message, help.into());
                return None;
            }
            (Some(name), None) => ("toward", name, 1.0),
            (None, Some(name)) => ("away_from", name, -1.0),
            (None, None) => return None,
        };
        let substrate = self.number(&at.key(key), "substrate", name)?;
        Some((substrate, sign))
    }

    fn exchange(
        &mut self,
        at: &Path,
        stated: &stated::CellType,
        substrates: &[Substrate],
    ) -> Vec<Exchange> {
        let names: Vec<String> = stated
            .exchange
            .iter()
            .map(|(name, _)| name.into())
            .collect();
        self.distinct(at, &names);
        let mut exchange = vec![Exchange::default(); substrates.len()];
        for (name, stated) in stated.exchange.iter() {
            let at = at.key(name);
            let Some(number) = self.number(&at, "substrate", name) else {
                continue;
            };
            let unit = &substrates[number].unit;
            let target_at = at.key("secretion_target");
            let secretion_target = match &stated.secretion_target {
                Some(target) => self.measured(&target_at, target, unit, Range::NotNegative),
                None if stated.secretion_rate.0 > 0.0 => {
                    let message = "a secretion rate needs a `secretion_target`".into();
                    let help = format!("state the density, in {unit}, at which secretion stops");
                    self.complain(&target_at, message, help);
                    0.0
                }
                None => 0.0,
            };
            let amount = Unit::parse(&format!("{unit}*µm^3/min"))
                .expect("a unit that was read can be read again as a factor");
            let export_at = at.key("export_rate");
            exchange[number] = Exchange {
                secretion_rate: stated.secretion_rate.0,
                secretion_target,
                uptake_rate: stated.uptake_rate.0,
                export_rate: self.measured(&export_at, &stated.export_rate, &amount, Range::Any),
            };
        }
        exchange
    }

    fn interactions(&mut self, at: &Path, stated: &stated::Interactions) -> Interactions {
        let phagocytose = &stated.phagocytose;
        let immunogenicity = &stated.immunogenicity;
        Interactions {
            phagocytose_apoptotic: stated.phagocytose_apoptotic.0,
            phagocytose_necrotic: stated.phagocytose_necrotic.0,
            phagocytose_other_dead: stated.phagocytose_other_dead.0,
            fusion: self.each(&at.key("fusion"), "cell type", &stated.fusion, 0.0),
            phagocytose: self.each(&at.key("phagocytose"), "cell type", phagocytose, 0.0),
            attack: self.each(&at.key("attack"), "cell type", &stated.attack, 0.0),
            attack_damage_rate: stated.attack_damage_rate.0,
            attack_duration: stated.attack_duration.0,
            immunogenicity: self.each(&at.key("immunogenicity"), "cell type", immunogenicity, 1.0),
        }
    }

    fn custom(&mut self, at: &Path, stated: &stated::CellType) -> Vec<Custom> {
        let names: Vec<String> = stated.custom.iter().map(|(name, _)| name.into()).collect();
        self.distinct(at, &names);
        let numbers = stated.custom.iter();
        numbers
            .map(|(name, number)| {
                let at = at.key(name);
                let mut conserved = false;
                let (value, unit) = match number {
                    Detailed::Value(Measured::Number(value)) => (*value, Unit::one()),
                    Detailed::Value(Measured::Text(text)) => self.number_and_unit(&at, text),
                    Detailed::Full(custom) => {
                        conserved = custom.conserved;
                        let unit = self.unit(&at.key("unit"), &custom.unit);
                        let value = &custom.value;
                        (
                            self.measured(&at.key("value"), value, &unit, Range::Any),
                            unit,
                        )
                    }
                };
                Custom {
                    name: name.to_owned(),
                    value,
                    unit,
                    conserved,
                }
            })
            .collect()
    }

    /// `1.5 µM` as a number in the unit it is written with.
    fn number_and_unit(&mut self, at: &Path, text: &str) -> (f64, Unit) {
        let text = text.trim();
        let number = (0..=text.len()).rev().find(|&end| {
            text.get(..end)
                .is_some_and(|part| part.trim().parse::<f64>().is_ok())
        });
        let unit = match text[number.unwrap_or(text.len())..].trim() {
            "" => Unit::one(),
            unit => self.unit(at, unit),
        };
        let value = self.measured(at, &Measured::Text(text.to_owned()), &unit, Range::Any);
        (value, unit)
    }
}

/// A distribution, or the key that is wrong and why.
fn distribution(stated: &stated::Initial) -> Result<Distribution, (&'static str, String)> {
    let needed = |key, value: Option<f64>| {
        let needed = || (key, format!("this distribution needs a `{key}`"));
        value.ok_or_else(needed)
    };
    let (min, max) = (stated.min, stated.max);
    let distribution = match stated.distribution {
        stated::Distribution::Uniform => Distribution::Uniform {
            min: needed("min", min)?,
            max: needed("max", max)?,
        },
        stated::Distribution::LogUniform => Distribution::LogUniform {
            min: needed("min", min)?,
            max: needed("max", max)?,
        },
        stated::Distribution::Normal => Distribution::Normal {
            mu: needed("mu", stated.mu)?,
            sigma: needed("sigma", stated.sigma)?,
            min: min.unwrap_or(f64::NEG_INFINITY),
            max: max.unwrap_or(f64::INFINITY),
        },
        logarithmic => Distribution::LogNormal {
            base: match logarithmic {
                stated::Distribution::Log10Normal => 10.0,
                _ => std::f64::consts::E,
            },
            mu: needed("mu", stated.mu)?,
            sigma: needed("sigma", stated.sigma)?,
            min: min.unwrap_or(0.0),
            max: max.unwrap_or(f64::INFINITY),
        },
    };
    let is_log_uniform = stated.distribution == stated::Distribution::LogUniform;
    if is_log_uniform && min.is_some_and(|min| min <= 0.0) {
        return Err(("min", "a logarithm needs a positive number".into()));
    }
    if stated.sigma.is_some_and(|sigma| sigma < 0.0) {
        return Err(("sigma", "a standard deviation is never negative".into()));
    }
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(("max", format!("{max} is below `min`, {min}"))),
        _ => Ok(distribution),
    }
}

impl stated::Apoptosis {
    fn resolved(&self) -> Death {
        Death {
            rate: self.rate.0,
            swelling: Span {
                duration: 0.0,
                fixed: true,
            },
            removal: Span {
                duration: self.duration.0,
                fixed: self.fixed,
            },
            unlysed_fluid_change_rate: self.unlysed_fluid_change_rate.0,
            lysed_fluid_change_rate: self.lysed_fluid_change_rate.0,
            cytoplasmic_change_rate: self.cytoplasmic_change_rate.0,
            nuclear_change_rate: self.nuclear_change_rate.0,
            calcification_rate: self.calcification_rate.0,
            relative_rupture_volume: self.relative_rupture_volume.0,
        }
    }
}

impl stated::Necrosis {
    fn resolved(&self) -> Death {
        Death {
            rate: self.rate.0,
            swelling: Span {
                duration: self.swelling_duration.0,
                fixed: self.swelling_fixed,
            },
            removal: Span {
                duration: self.duration.0,
                fixed: self.fixed,
            },
            unlysed_fluid_change_rate: self.unlysed_fluid_change_rate.0,
            lysed_fluid_change_rate: self.lysed_fluid_change_rate.0,
            cytoplasmic_change_rate: self.cytoplasmic_change_rate.0,
            nuclear_change_rate: self.nuclear_change_rate.0,
            calcification_rate: self.calcification_rate.0,
            relative_rupture_volume: self.relative_rupture_volume.0,
        }
    }
}
