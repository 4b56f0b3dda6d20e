//! Behaviors: what a cell does, with the value its type gives it.

use kernels::channels::Channel;
use rules::{
    Entry, Unit,
    dictionary::{ANY, NOT_NEGATIVE},
};

use super::{Behavior, Builder, Idle, unit};
use crate::{
    output::Vitality,
    scenario::{CellType, Scenario},
    semantics::Semantics,
};

impl Builder<'_> {
    fn behavior(
        &mut self,
        behavior: Behavior,
        name: String,
        synonyms: &[String],
        unit: Unit,
        base: impl Fn(&Scenario, usize) -> f64,
    ) {
        let is_event_rate = matches!(
            behavior,
            Behavior::PhaseExit(_)
                | Behavior::Death(_)
                | Behavior::Transformation(_)
                | Behavior::Kernel(
                    Channel::PhagocytoseApoptotic
                        | Channel::PhagocytoseNecrotic
                        | Channel::Phagocytose(_)
                        | Channel::Attack(_)
                        | Channel::Fuse(_)
                        | Channel::AttachmentRate
                        | Channel::DetachmentRate
                )
        );
        let is_free = self.scenario.semantics == Semantics::PhysiCell;
        let range = match &behavior {
            Behavior::Custom(_)
            | Behavior::Kernel(Channel::ExportRate(_) | Channel::Sensitivity(_)) => ANY,
            // PhysiCell lets rules lead anywhere; where that has a meaning, it has it here too.
            Behavior::Kernel(Channel::Bias) if is_free => ANY,
            Behavior::AsymmetricDivision(_) if is_free => NOT_NEGATIVE,
            // What the numbers of 32 bits hold.
            Behavior::Latent(_) => [f64::from(f32::MIN), f64::from(f32::MAX)],
            Behavior::Kernel(Channel::Bias | Channel::Movable)
            | Behavior::AsymmetricDivision(_) => [0.0, 1.0],
            _ => NOT_NEGATIVE,
        };
        let entry = Entry {
            name,
            synonyms: synonyms.to_vec(),
            unit,
            is_event_rate,
            range,
        };
        if !self.is_free("behavior", &entry) {
            return;
        }
        self.table.vocabulary.behaviors.add(entry);
        self.table.behaviors.push(behavior);
        for (number, values) in self.table.vocabulary.base.iter_mut().enumerate() {
            values.push(base(self.scenario, number));
        }
    }

    pub(super) fn behaviors(&mut self) {
        let scenario = self.scenario;
        let per_min = unit("1/min");
        let speed = unit("µm/min");
        for (s, substrate) in scenario.substrates.iter().enumerate() {
            let name = &substrate.name;
            let amount_rate = Unit::parse(&format!("{}*µm^3/min", substrate.unit))
                .unwrap_or_else(|_| unit("µm^3/min"));
            let kernel = Behavior::Kernel;
            self.behavior(
                kernel(Channel::SecretionRate(s)),
                format!("{name} secretion"),
                &[],
                per_min.clone(),
                |x, t| x.cell_types[t].exchange[s].secretion_rate,
            );
            self.behavior(
                kernel(Channel::SecretionTarget(s)),
                format!("{name} secretion target"),
                &[format!("{name} secretion saturation density")],
                substrate.unit.clone(),
                |x, t| x.cell_types[t].exchange[s].secretion_target,
            );
            self.behavior(
                kernel(Channel::UptakeRate(s)),
                format!("{name} uptake"),
                &[],
                per_min.clone(),
                |x, t| x.cell_types[t].exchange[s].uptake_rate,
            );
            self.behavior(
                kernel(Channel::ExportRate(s)),
                format!("{name} export"),
                &[],
                amount_rate,
                |x, t| x.cell_types[t].exchange[s].export_rate,
            );
            self.behavior(
                kernel(Channel::Sensitivity(s)),
                format!("chemotactic response to {name}"),
                &[format!("chemotactic sensitivity to {name}")],
                Unit::one(),
                |x, t| x.cell_types[t].motility.chemotaxis[s],
            );
        }
        let phases = scenario
            .cell_types
            .iter()
            .map(|cell_type| cell_type.cycle.phases.len())
            .max()
            .unwrap_or(0);
        // PhysiCell names six phases, however many a model has.
        let least = match scenario.semantics {
            Semantics::Milieu => 1,
            Semantics::PhysiCell => 6,
        };
        for phase in 0..phases.max(least) {
            let name = format!("exit from cycle phase {phase}");
            let (name, synonyms) = if phase == 0 {
                ("cycle entry".to_owned(), vec![name])
            } else {
                (name, Vec::new())
            };
            self.behavior(
                Behavior::PhaseExit(phase),
                name,
                &synonyms,
                per_min.clone(),
                |x, t| {
                    x.cell_types[t]
                        .cycle
                        .phases
                        .get(phase)
                        .map_or(0.0, |phase| phase.exit_rate)
                },
            );
        }
        for vitality in [Vitality::Apoptotic, Vitality::Necrotic] {
            let name = if vitality == Vitality::Apoptotic {
                "apoptosis"
            } else {
                "necrosis"
            };
            self.behavior(
                Behavior::Death(vitality),
                name.into(),
                &[],
                per_min.clone(),
                |x, t| {
                    let cell_type = &x.cell_types[t];
                    if vitality == Vitality::Apoptotic {
                        cell_type.apoptosis.rate
                    } else {
                        cell_type.necrosis.rate
                    }
                },
            );
        }
        type Base = fn(&crate::scenario::CellType) -> f64;
        let numbers: [(Channel, &str, &[&str], &Unit, Base); 17] = [
            (Channel::Speed, "migration speed", &[], &speed, |t| {
                t.motility.speed
            }),
            (Channel::Bias, "migration bias", &[], &Unit::one(), |t| {
                t.motility.bias
            }),
            (
                Channel::PersistenceTime,
                "migration persistence time",
                &[],
                &unit("min"),
                |t| t.motility.persistence_time,
            ),
            (Channel::Adhesion, "cell-cell adhesion", &[], &speed, |t| {
                t.mechanics.adhesion
            }),
            (
                Channel::Repulsion,
                "cell-cell repulsion",
                &[],
                &speed,
                |t| t.mechanics.repulsion,
            ),
            (
                Channel::RelativeReach,
                "relative maximum adhesion distance",
                &[],
                &Unit::one(),
                |t| t.mechanics.relative_maximum_adhesion_distance,
            ),
            (
                Channel::BondStiffness,
                "cell-cell adhesion elastic constant",
                &[],
                &per_min,
                |t| t.mechanics.attachment_elastic_constant,
            ),
            (
                Channel::PhagocytoseApoptotic,
                "phagocytose apoptotic cell",
                &[
                    "phagocytosis of apoptotic cell",
                    "phagocytosis of apoptotic cells",
                ],
                &per_min,
                |t| t.interactions.phagocytose_apoptotic,
            ),
            (
                Channel::PhagocytoseNecrotic,
                "phagocytose necrotic cell",
                &[
                    "phagocytosis of necrotic cell",
                    "phagocytosis of necrotic cells",
                ],
                &per_min,
                |t| t.interactions.phagocytose_necrotic,
            ),
            (
                Channel::AttackDamageRate,
                "attack damage rate",
                &[],
                &per_min,
                |t| t.interactions.attack_damage_rate,
            ),
            (
                Channel::AttackDuration,
                "attack duration",
                &[],
                &unit("min"),
                |t| t.interactions.attack_duration,
            ),
            (Channel::DamageRate, "damage rate", &[], &per_min, |t| {
                t.damage_rate
            }),
            (
                Channel::RepairRate,
                "damage repair rate",
                &[],
                &per_min,
                |t| t.damage_repair_rate,
            ),
            (
                Channel::AttachmentRate,
                "cell attachment rate",
                &[],
                &per_min,
                |t| t.mechanics.attachment_rate,
            ),
            (
                Channel::DetachmentRate,
                "cell detachment rate",
                &[],
                &per_min,
                |t| t.mechanics.detachment_rate,
            ),
            (
                Channel::MostAttachments,
                "maximum number of cell attachments",
                &[],
                &Unit::one(),
                |t| t.mechanics.maximum_attachments,
            ),
            (
                Channel::Movable,
                "is movable",
                &["movable"],
                &Unit::one(),
                |t| f64::from(u8::from(t.mechanics.movable)),
            ),
        ];
        for (channel, name, synonyms, unit, base) in numbers {
            let synonyms: Vec<String> = synonyms.iter().map(|&word| word.to_owned()).collect();
            self.behavior(
                Behavior::Kernel(channel),
                name.into(),
                &synonyms,
                unit.clone(),
                |x, t| base(&x.cell_types[t]),
            );
        }
        let idle: [(Idle, &str, &[&str], &Unit, Base); 3] = [
            (
                Idle::BasementMembraneAdhesion,
                "cell-BM adhesion",
                &["cell-membrane adhesion"],
                &speed,
                |t| t.mechanics.basement_membrane_adhesion,
            ),
            (
                Idle::BasementMembraneRepulsion,
                "cell-BM repulsion",
                &["cell-membrane repulsion"],
                &speed,
                |t| t.mechanics.basement_membrane_repulsion,
            ),
            (
                Idle::PhagocytoseOtherDead,
                "phagocytose other dead cell",
                &[
                    "phagocytosis of other dead cell",
                    "phagocytosis of other dead cells",
                ],
                &per_min,
                |t| t.interactions.phagocytose_other_dead,
            ),
        ];
        for (idle, name, synonyms, unit, base) in idle {
            let synonyms: Vec<String> = synonyms.iter().map(|&word| word.to_owned()).collect();
            let behavior = Behavior::Idle(idle);
            self.behavior(behavior, name.into(), &synonyms, unit.clone(), |x, t| {
                base(&x.cell_types[t])
            });
        }
        type Toward = fn(&CellType, usize) -> f64;
        let one = Unit::one();
        type OfType = fn(usize) -> Behavior;
        let by_type: [(OfType, &[&str], &Unit, Toward); 7] = [
            (
                |other| Behavior::Kernel(Channel::Phagocytose(other)),
                &["phagocytose", "phagocytosis of"],
                &per_min,
                |t, other| t.interactions.phagocytose[other],
            ),
            (
                |other| Behavior::Kernel(Channel::Attack(other)),
                &["attack"],
                &per_min,
                |t, other| t.interactions.attack[other],
            ),
            (
                |other| Behavior::Kernel(Channel::Fuse(other)),
                &["fuse to"],
                &per_min,
                |t, other| t.interactions.fusion[other],
            ),
            (
                |other| Behavior::Kernel(Channel::Immunogenicity(other)),
                &["immunogenicity to"],
                &one,
                |t, other| t.interactions.immunogenicity[other],
            ),
            (
                |other| Behavior::Kernel(Channel::Affinity(other)),
                &["adhesive affinity to"],
                &one,
                |t, other| t.mechanics.adhesion_affinities[other],
            ),
            (
                Behavior::Transformation,
                &["transform to", "transition to", "transformation to"],
                &per_min,
                |t, other| t.transformations[other],
            ),
            (
                Behavior::AsymmetricDivision,
                &["asymmetric division to"],
                &one,
                |t, other| t.asymmetric_division[other],
            ),
        ];
        for (other, cell_type) in scenario.cell_types.iter().enumerate() {
            for (behavior, phrases, unit, base) in by_type {
                let mut names = phrases
                    .iter()
                    .map(|phrase| format!("{phrase} {}", cell_type.name));
                let name = names.next().expect("every behavior has a name");
                // PhysiCell's own spelling of this one.
                let by_number = (phrases[0] == "phagocytose")
                    .then(|| format!("phagocytosis of {other}"))
                    .filter(|_| scenario.cell_type(&other.to_string()).is_none());
                let synonyms: Vec<String> = names
                    .chain(self.numbered(phrases, other))
                    .chain(by_number)
                    .collect();
                self.behavior(behavior(other), name, &synonyms, unit.clone(), |x, t| {
                    base(&x.cell_types[t], other)
                });
            }
        }
        for (number, (name, places, unit)) in self.customs().into_iter().enumerate() {
            let by_type = places.clone();
            self.behavior(
                Behavior::Custom(places),
                format!("custom:{name}"),
                &self.custom_synonyms(number, &name),
                unit,
                move |x, t| by_type[t].map_or(0.0, |place| x.cell_types[t].custom[place].value),
            );
        }
        for (name, places) in self.latents.components() {
            let (by_type, vectors) = (places.clone(), self.latents);
            self.behavior(
                Behavior::Latent(places),
                name,
                &[],
                Unit::one(),
                move |_, t| by_type[t].map_or(0.0, |place| f64::from(vectors.new_cell(t)[place])),
            );
        }
    }
}
