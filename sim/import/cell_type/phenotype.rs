//! Volume, mechanics, motility, secretion, interactions of a definition.

use super::super::xml::Element;
use super::{Bias, CellType, Reader};
use crate::scenario::file::quantity::Range;

impl Reader<'_> {
    pub(super) fn volume(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let Some(element) = phenotype.child("volume") else {
            return;
        };
        let volume = &mut cell_type.volume;
        let rate = Range::NotNegative;
        for (name, range, place) in [
            ("total", Range::Positive, &mut volume.total),
            ("fluid_fraction", Range::Share, &mut volume.fluid_fraction),
            ("nuclear", Range::Positive, &mut volume.nuclear),
            ("fluid_change_rate", rate, &mut volume.fluid_change_rate),
            (
                "cytoplasmic_biomass_change_rate",
                rate,
                &mut volume.cytoplasmic_change_rate,
            ),
            (
                "nuclear_biomass_change_rate",
                rate,
                &mut volume.nuclear_change_rate,
            ),
            (
                "calcified_fraction",
                Range::Share,
                &mut volume.calcified_fraction,
            ),
            ("calcification_rate", rate, &mut volume.calcification_rate),
        ] {
            element.set(name, range, place);
        }
        if volume.nuclear >= volume.total {
            element.complain(
                format!(
                    "the nucleus has {} µm³ and the whole cell {}",
                    volume.nuclear, volume.total
                ),
                "state a smaller <nuclear> or a larger <total>",
            );
        }
        cell_type.radius = volume.radius();
    }

    pub(super) fn mechanics(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let Some(element) = phenotype.child("mechanics") else {
            return;
        };
        let mechanics = &mut cell_type.mechanics;
        for (name, place) in [
            ("cell_cell_adhesion_strength", &mut mechanics.adhesion),
            (
                "cell_BM_adhesion_strength",
                &mut mechanics.membrane_adhesion,
            ),
            ("cell_cell_repulsion_strength", &mut mechanics.repulsion),
            (
                "cell_BM_repulsion_strength",
                &mut mechanics.membrane_repulsion,
            ),
            ("relative_maximum_adhesion_distance", &mut mechanics.reach),
            (
                "attachment_elastic_constant",
                &mut mechanics.elastic_constant,
            ),
            ("attachment_rate", &mut mechanics.attachment_rate),
            ("detachment_rate", &mut mechanics.detachment_rate),
        ] {
            element.set(name, Range::NotNegative, place);
        }
        let affinities = element.child("cell_adhesion_affinities");
        let item = "cell_adhesion_affinity";
        self.by_type(
            affinities,
            item,
            Range::NotNegative,
            &mut mechanics.affinities,
        );
        for (name, unit) in [
            ("set_relative_equilibrium_distance", 1.0),
            ("set_absolute_equilibrium_distance", cell_type.radius),
        ] {
            let option = element
                .child("options")
                .and_then(|options| options.child(name));
            if let Some(option) = option
                && option.has("enabled")
            {
                let distance = option.number(Range::NotNegative) / unit;
                if distance > 2.0 {
                    option.note("as in PhysiCell, two radii are taken instead");
                }
                // The adhesion that balances repulsion at this distance, in radii:
                // c (1 − s/2)² = a (1 − s/2f)². In the order of PhysiCell's own operations.
                let half = distance.min(2.0) / 2.0;
                let ratio = (1.0 - half) / (1.0 - half / mechanics.reach);
                mechanics.adhesion = mechanics.repulsion * (ratio * ratio);
                if !mechanics.adhesion.is_finite() {
                    option.complain(
                        "no adhesion balances repulsion at this distance",
                        "raise relative_maximum_adhesion_distance, or disable the option",
                    );
                    mechanics.adhesion = 0.0;
                }
            }
        }
        if let Some(count) = element.child("maximum_number_of_attachments") {
            mechanics.maximum_attachments = count.whole();
            if mechanics.maximum_attachments < 0 {
                count.complain("the number is negative", "write 0 for none");
                mechanics.maximum_attachments = 0;
            }
        }
    }

    pub(super) fn motility(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let Some(element) = phenotype.child("motility") else {
            return;
        };
        let motility = &mut cell_type.motility;
        element.set("speed", Range::NotNegative, &mut motility.speed);
        element.set("migration_bias", Range::Share, &mut motility.bias);
        let persistence_time = &mut motility.persistence_time;
        element.set("persistence_time", Range::NotNegative, persistence_time);
        let Some(options) = element.child("options") else {
            return;
        };
        if let Some(enabled) = options.child("enabled") {
            motility.enabled = enabled.is_true();
        }
        if let Some(in_plane) = options.child("use_2D") {
            motility.in_plane = in_plane.is_true() || self.is_flat;
        }
        if let Some(simple) = options.child("chemotaxis") {
            let is_enabled = simple.says("enabled");
            if is_enabled {
                motility.follows = Bias::One;
            }
            let named = simple.child("substrate").unwrap_or(simple);
            if let Some(number) = named.one_of("substrate", named.text(), self.substrates) {
                motility.substrate = number;
            }
            // Without a direction there is none to go.
            motility.direction = simple.child("direction").map_or(0, Element::whole);
            if is_enabled && motility.direction.abs() > 1 {
                simple.complain(
                    format!("the direction is {}", motility.direction),
                    "write 1 for up the gradient and -1 for down",
                );
            }
        }
        if let Some(advanced) = options.child("advanced_chemotaxis") {
            if advanced.says("enabled") {
                motility.follows = Bias::Sum {
                    normalized: advanced.says("normalize_each_gradient"),
                };
            }
            let weights = advanced.child("chemotactic_sensitivities");
            let item = "chemotactic_sensitivity";
            for weight in weights.into_iter().flat_map(|weights| weights.each(item)) {
                let name = weight.attribute("substrate").unwrap_or("");
                let value = weight.number(Range::Any);
                if let Some(number) = weight.one_of("substrate", name, self.substrates) {
                    motility.sensitivities[number] = value;
                }
            }
        }
    }

    pub(super) fn secretion(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let substrates = phenotype.child("secretion");
        for element in substrates
            .into_iter()
            .flat_map(|list| list.each("substrate"))
        {
            let name = element.attribute("name").unwrap_or("");
            let Some(number) = element.one_of("substrate", name, self.substrates) else {
                continue;
            };
            let exchange = &mut cell_type.exchange[number];
            let range = Range::NotNegative;
            element.set("secretion_rate", range, &mut exchange.secretion_rate);
            element.set("secretion_target", range, &mut exchange.secretion_target);
            element.set("uptake_rate", range, &mut exchange.uptake_rate);
            element.set("net_export_rate", Range::Any, &mut exchange.export_rate);
        }
    }

    pub(super) fn interactions(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let Some(element) = phenotype.child("cell_interactions") else {
            return;
        };
        let range = Range::NotNegative;
        let interactions = &mut cell_type.interactions;
        let dead = element.number_of("dead_phagocytosis_rate", range);
        interactions.phagocytose_dead = [dead.unwrap_or(0.0); 3];
        let names = ["apoptotic", "necrotic", "other_dead"];
        for (name, place) in names.iter().zip(&mut interactions.phagocytose_dead) {
            element.set(&format!("{name}_phagocytosis_rate"), range, place);
        }
        for (list, item, values) in [
            (
                "live_phagocytosis_rates",
                "phagocytosis_rate",
                &mut interactions.phagocytose,
            ),
            ("attack_rates", "attack_rate", &mut interactions.attack),
            ("fusion_rates", "fusion_rate", &mut interactions.fusion),
        ] {
            self.by_type(element.child(list), item, range, values);
        }
        // Read whether they are there or not, and then 0: a quirk.
        let damage = element.number_of("attack_damage_rate", range);
        interactions.attack_damage_rate = damage.unwrap_or(0.0);
        let duration = element.number_of("attack_duration", range);
        interactions.attack_duration = duration.unwrap_or(0.0);
        if (damage.is_none() || duration.is_none())
            && interactions.attack.iter().any(|&rate| rate > 0.0)
        {
            element.note(
                "as in PhysiCell, attack_damage_rate and attack_duration that are not stated are 0",
            );
        }
    }

    /// Transformations, integrity, and what computes inside cells.
    pub(super) fn rest(&self, cell_type: &mut CellType, phenotype: Element<'_>) {
        let rates = phenotype.at("cell_transformations/transformation_rates");
        let transformations = &mut cell_type.transformations;
        let inherited = transformations.clone();
        let range = Range::NotNegative;
        self.by_type(rates, "transformation_rate", range, transformations);
        // A rate that the definition states itself PhysiCell leaves out. One that comes from a
        // parent it keeps, and such a cell starts its cycle over.
        let own = self.types.iter().position(|name| *name == cell_type.name);
        if let Some(own) = own
            && transformations[own] > 0.0
        {
            match inherited[own] > 0.0 {
                true => phenotype
                    .differs("the rate of becoming what it is, which it inherits, is left out"),
                false => {
                    phenotype.note("as in PhysiCell, the rate of becoming what it is is left out")
                }
            }
            transformations[own] = 0.0;
        }
        if let Some(integrity) = phenotype.child("cell_integrity") {
            let range = Range::NotNegative;
            integrity.set("damage_rate", range, &mut cell_type.damage_rate);
            integrity.set(
                "damage_repair_rate",
                range,
                &mut cell_type.damage_repair_rate,
            );
        }
        if let Some(inside) = phenotype.child("intracellular") {
            let kind = match inside.attribute("type").unwrap_or("") {
                "maboss" => "a Boolean network that PhysiBoSS (MaBoSS) computes",
                "roadrunner" => "reactions that libRoadrunner computes",
                "dfba" => "a flux balance that an add-on computes",
                _ => "a model that an add-on computes",
            };
            inside.differs(format!("{kind} is not imported"));
        }
    }
}
